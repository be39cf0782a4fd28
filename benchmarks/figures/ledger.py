"""The ledger of quoted figures: the text that each document must have, and the figures that are out of date.

``docs/figures.json`` has the results of ``make figures``, and ``footprint.json`` those of ``make footprint``, with a checksum of each model's config. A document that quotes
another figure, or a config that has changed since, is found by ``stale_figures``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from benchmarks.process import ROOT

LEDGER = Path("docs/figures.json")
FOOTPRINT = Path("benchmarks/results/footprint.json")
SYSTEMS = ("california", "boston", "churn", "plans")
COMMAND = "make figures DATA_FOLDER=folder"
_DECIDES_NO_FIGURE = frozenset(
    {"title", "description", "card", "gate", "slo", "synthetic", "selection", "sweep", "evaluation"}
)
"""The parts of a config that have no effect on the model's answers on the test part."""


def config_sha256(path: Path) -> str:
    """Return the checksum of the parts of a config that determine its model, without comments and the order of keys."""
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    deciding = {key: value for key, value in content.items() if key not in _DECIDES_NO_FIGURE}
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()


def readme_request() -> dict[str, Any]:
    """Return the request that README shows first."""
    match = re.search(r"-d '(\{[^']*\})'", (ROOT / "README.md").read_text(encoding="utf-8"))
    if match is None:
        raise ValueError("README.md shows no request")
    request: dict[str, Any] = json.loads(match[1])
    return request


def quotations(ledger: Mapping[str, Any], footprint: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each document with a text that it must contain if it quotes the measurements.

    Args:
        ledger: the content of ``docs/figures.json``.
        footprint: the content of ``benchmarks/results/footprint.json``.
    """
    metrics = {name: ledger["systems"][name]["metrics"] for name in SYSTEMS}
    house, tract, bank, plan = (metrics[name] for name in SYSTEMS)
    interval = ",".join(f'"{name}":{ledger["readme_interval"][name]!r}' for name in ("lower", "upper", "coverage"))
    yield "README.md", f'{{"prediction":{ledger["readme_answer"]!r},"interval":{{{interval}}},"model":"california"'
    yield (
        "README.md",
        f"RMSE {house['rmse']:,.0f} USD, R² {house['r2']:.3f}, MAPE {house['mape']:.1f}% on the test part",
    )
    yield "README.md", f"AUC {bank['roc_auc']:.3f}, F1 {bank['f1']:.3f} on the test part"
    yield "docs/results.md", f"**{house['rmse']:,.0f} USD · {house['r2']:.4f} · {house['mape']:.2f}%**"
    yield "docs/results.md", f"| MAE, USD | {house['mae']:,.0f} |"
    yield "docs/results.md", f"| median APE | {house['median_ape']:.2f}% |"
    yield "docs/results.md", f"| RMSE, 1,000 USD | {tract['rmse']:.2f} |"
    yield "docs/results.md", f"| R² | {tract['r2']:.3f} |"
    yield "docs/results.md", f"| churn | test AUC · F1 | **{bank['roc_auc']:.4f} · {bank['f1']:.3f}** |"
    yield "docs/results.md", f"| precision | {bank['precision']:.3f} |"
    yield "docs/results.md", f"| recall | {bank['recall']:.3f} |"
    yield "docs/results.md", f"| accuracy | {plan['accuracy']:.3f} |"
    for label, name in (
        ("from the start of `bentoml serve` to the first 200 of `/readyz`", "ready_s"),
        ("resident memory of the worker, after 2,000 predictions", "worker_rss_mib"),
        ("resident memory of worker, supervisor and monitor together", "all_processes_rss_mib"),
    ):
        figures = " | ".join(
            f"{footprint[name][statistic]:.2f} s" if name == "ready_s" else f"{footprint[name][statistic]:.0f} MiB"
            for statistic in ("median", "min", "max")
        )
        yield "docs/footprint.md", f"| {label} | {figures} |"
    yield "docs/footprint.md", f"| the serving environment on disk | {footprint['serving_environment_mib']:.0f} MiB |"


def stale_figures(root: Path = ROOT) -> list[str]:
    """Return a line for each figure that is older than its config, or that differs in a document; the list is empty if all figures are current.

    Args:
        root: the folder of the documents, the configs and the measurements.
    """
    ledger = json.loads((root / LEDGER).read_text(encoding="utf-8"))
    footprint = json.loads((root / FOOTPRINT).read_text(encoding="utf-8"))
    lines = []
    for name in SYSTEMS:
        now = config_sha256(root / "configs" / f"{name}.yaml")
        if ledger["systems"][name]["config_sha256"] != now:
            lines.append(f"configs/{name}.yaml has changed since its figures were measured; run `{COMMAND}`")
    if footprint.get("config_sha256") != config_sha256(root / "configs" / "california.yaml"):
        lines.append("docs/footprint.md measures a model that no longer ships; run `make footprint`")
    for document, text in quotations(ledger, footprint):
        if text not in (root / document).read_text(encoding="utf-8"):
            lines.append(f"{document} does not say {text!r}, as measured; correct it or run `{COMMAND}`")
    return lines
