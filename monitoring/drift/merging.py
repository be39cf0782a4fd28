"""The sum of the answers of several replicas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from monitoring.drift.histograms import Layout
from monitoring.drift.verdicts import window_report
from tabento.bundle.contract import Contract
from tabento.bundle.reference import Reference


def merge_reports(answers: Sequence[Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return the models of several answers of ``GET /drift?raw=1``, with equal ones added up, exactly.

    Args:
        answers: the models of each replica. Models are equal if name, version, variant and reference are.

    Raises:
        ValueError: an answer has no histograms, or histograms of another size.
    """
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for models in answers:
        for model in models:
            key = tuple(str(model[name]) for name in ("model", "version", "variant", "fingerprint"))
            groups.setdefault(key, []).append(model)
    merged = []
    for group in groups.values():
        first = group[0]
        if any("reference" not in model for model in group):
            raise ValueError("expected histograms in the answer; ask with raw=1")
        layout = Layout(Contract.model_validate(first["contract"]), Reference.model_validate(first["reference"]))
        windows = {}
        for name in first["windows"]:
            histograms = [np.array(model["windows"][name]["slots"], np.int64) for model in group]
            if any(slots.shape != (layout.size,) for slots in histograms):
                raise ValueError(
                    f"expected {layout.size} slots of {first['model']}, as this version of Tabento counts them"
                )
            report = window_report(layout, layout.merge(histograms), first["level"], first["min_rows"])
            windows[name] = {"rows": sum(model["windows"][name]["rows"] for model in group)} | report
        merged.append(
            {key: first[key] for key in ("model", "version", "variant", "level", "min_rows")} | {"windows": windows}
        )
    return merged
