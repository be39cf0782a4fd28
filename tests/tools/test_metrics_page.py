"""docs/metrics.md lists every metric."""

from __future__ import annotations

import pytest

from monitoring.snapshots import Family
from tools.metrics_page import PAGE, families_by_origin, tables, updated_page


def test_the_page_lists_every_metric() -> None:
    """A new metric needs `make metrics-page`."""
    text = PAGE.read_text(encoding="utf-8")
    assert updated_page(text) == text, "stale: run `make metrics-page`"


def test_names_are_unique_and_have_a_text() -> None:
    """No two parts use the same name, and every metric is described."""
    families = [family for group in families_by_origin().values() for family in group]
    names = [family.name for family in families]
    assert len(set(names)) == len(names)
    assert all(family.text for family in families)


def test_a_counter_has_its_suffix() -> None:
    """The table has the names that Prometheus stores."""
    text = tables({"One": [Family("tabento_kept_rows", "counter", "Kept rows.", ("part",))]})
    assert "| `tabento_kept_rows_total` | counter | `part` | Kept rows. |" in text


def test_a_page_without_its_marks_is_refused() -> None:
    """Without the place for the tables nothing is overwritten."""
    with pytest.raises(ValueError, match="needs one line"):
        updated_page("# Metrics\n")
