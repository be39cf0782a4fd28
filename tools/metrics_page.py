"""The tables of docs/metrics.md, written from the metrics that the code declares: ``python -m tools.metrics_page``."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from monitoring.process.monitor import FAMILIES as PROCESS_FAMILIES
from monitoring.process.parts import build_parts
from monitoring.settings import MonitoringSettings
from monitoring.snapshots import Family
from serving.operations.exposition import OMITTED
from serving.operations.field_names import FIELD_FAMILIES
from serving.operations.metrics import FAMILIES

PAGE = Path(__file__).parents[1] / "docs/metrics.md"
BEGIN, END = "<!-- metrics: begin -->", "<!-- metrics: end -->"
KINDS = {"counter": "counter", "histogram": "histogram", "sum": "gauge, sum", "max": "gauge, maximum"}


def families_by_origin() -> dict[str, tuple[Family, ...]]:
    """Return all metrics by the title of their table."""
    origins: dict[str, tuple[Family, ...]] = {
        "The service": (*FAMILIES, OMITTED),
        "The field's names": FIELD_FAMILIES,
        "The monitor process": PROCESS_FAMILIES,
    }
    with tempfile.TemporaryDirectory() as folder:
        parts = build_parts(MonitoringSettings(monitoring_folder=Path(folder)))
        for part in parts:
            if part.families:
                origins[f"Part of the monitor: {part.name}"] = part.families
            part.close()
    return origins


def tables(origins: Mapping[str, Iterable[Family]]) -> str:
    """Return the tables in Markdown."""
    lines = []
    for title, families in origins.items():
        lines += [f"### {title}", "", "| metric | type | labels | meaning |", "| --- | --- | --- | --- |"]
        for family in families:
            name = f"{family.name}_total" if family.kind == "counter" else family.name
            labels = ", ".join(f"`{label}`" for label in family.labels)
            lines.append(f"| `{name}` | {KINDS[family.kind]} | {labels} | {family.text} |")
        lines.append("")
    return "\n".join(lines)


def updated_page(text: str) -> str:
    """Return the page with its tables as they should be.

    Raises:
        ValueError: the page has not exactly one place for the tables.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"{PAGE} needs one line {BEGIN} and one line {END} after it.")
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{tables(families_by_origin())}\n{END}{rest.partition(END)[2]}"


def main() -> int:
    """Write the tables into the page."""
    PAGE.write_text(updated_page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
