"""The estimated memory of a loaded model, from the sizes of its files."""

from __future__ import annotations

from pathlib import Path

from tabento.bundle.format import MANIFEST_FILE, MODEL_FILE

FIXED_BYTES = 128 * 1024
"""The memory of the smallest model: its session, its decoder and its batcher."""
GRAPH_FACTOR = 5.5
"""Bytes in memory for a byte of the graph. Measured: 4.4 for a forest of 60 MB, 5.3 for boosted trees of 1.2 MB, 5.5 for a wide table."""
TEXT_FACTOR = 4.0
"""Bytes in memory for a byte of the other files: contract, examples and reference as Python objects."""


def estimate_bytes(folder: Path) -> int:
    """Return the estimated memory of a bundle after its load. No file is read.

    Args:
        folder: the folder of the bundle.

    Raises:
        OSError: the folder cannot be read.
    """
    sizes = {file.name: file.stat().st_size for file in folder.iterdir() if file.is_file()}
    graph = sizes.pop(MODEL_FILE, 0)
    sizes.pop(MANIFEST_FILE, None)
    return round(FIXED_BYTES + GRAPH_FACTOR * graph + TEXT_FACTOR * sum(sizes.values()))
