"""The estimate of a model's memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.fleet.footprint import FIXED_BYTES, GRAPH_FACTOR, TEXT_FACTOR, estimate_bytes
from tabento.bundle.format import CARD_FILE, MANIFEST_FILE, MODEL_FILE


def test_the_graph_counts_more_than_the_other_files(tmp_path: Path) -> None:
    """The manifest does not stay in memory, and folders do not count."""
    for name, size in ((MODEL_FILE, 1_000), (CARD_FILE, 100), (MANIFEST_FILE, 10_000)):
        (tmp_path / name).write_bytes(bytes(size))
    (tmp_path / "folder").mkdir()
    assert estimate_bytes(tmp_path) == FIXED_BYTES + GRAPH_FACTOR * 1_000 + TEXT_FACTOR * 100


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    """A model whose folder was removed is not estimated at nothing."""
    with pytest.raises(OSError, match="nowhere"):
        estimate_bytes(tmp_path / "nowhere")
