"""The picture of the load points."""

from __future__ import annotations

from pathlib import Path

from benchmarks.capacity.load_picture import draw_load
from tests.benchmarks.capacity.service_figures import service_figures


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    """A service with some load points has a PNG of three panels."""
    draw_load(service_figures(), tmp_path / "load.png")
    assert (tmp_path / "load.png").read_bytes().startswith(b"\x89PNG")
