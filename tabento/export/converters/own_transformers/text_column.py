"""Writes TextColumn of tabento.transformers.text_column: a frame of one column becomes a series. No digits change."""

from __future__ import annotations

import dataclasses

from tabento.export.graph.values import Columns
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import takes_text, transformer
from tabento.transformers.text_column import TextColumn

takes_text(TextColumn)


@transformer(TextColumn)
def text_column(writer: GraphWriter, model: TextColumn, columns: Columns) -> Columns:  # noqa: ARG001 - as all converters
    """Return the only column of a frame as a series."""
    if columns.width != 1:
        raise writer.refusal(f"it takes one column and gets {columns.width}", "a frame of one column")
    return dataclasses.replace(columns, series=True)
