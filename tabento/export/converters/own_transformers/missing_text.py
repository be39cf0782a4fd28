"""Writes MissingText of tabento.transformers.missing_text: in a packed row missing text is NaN already, so no node is needed."""

from __future__ import annotations

import dataclasses
import math

from tabento.export.graph.values import Codes, Columns
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import transformer
from tabento.transformers.missing_text import MissingText


@transformer(MissingText)
def missing_text(writer: GraphWriter, model: MissingText, columns: Columns) -> Columns:  # noqa: ARG001 - as all converters
    """Return the same columns; encoders and imputers after it test for NaN instead of None."""
    names = columns.names or tuple(str(name) for name in model.feature_names_in_)
    codes: list[Codes | None] = [
        {**code, math.nan: math.nan} if code is not None and name in model.columns else code
        for name, code in zip(names, columns.codes, strict=True)
    ]
    return dataclasses.replace(columns, codes=tuple(codes))
