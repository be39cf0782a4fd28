"""The results of a benchmark that measures one model after another: written after each of them, so that a late failure loses none."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine
from benchmarks.process import BenchmarkError


def measure_models(
    names: Sequence[str],
    path: Path,
    measure: Callable[[str], dict[str, Any]],
    markdown: Callable[[Mapping[str, Any]], str],
    draw: Callable[[Mapping[str, Any], Path], None] | None = None,
) -> int:
    """Measure models, write the results and print their tables; return the exit code.

    Args:
        names: the models.
        path: the JSON file; the tables and the picture have its name with another suffix.
        measure: returns the figures of a model.
        markdown: returns the tables.
        draw: draws the picture.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    models: list[dict[str, Any]] = []
    try:
        for name in names:
            sys.stderr.write(f"\n{name}\n")
            models.append(measure(name))
            results = {"machine": describe_machine(), "models": models}
            path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
            path.with_suffix(".md").write_text(markdown(results), encoding="utf-8")
            if draw is not None:
                draw(results, path.with_suffix(".png"))
    except BenchmarkError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(path.with_suffix(".md").read_text(encoding="utf-8"))
    return 0
