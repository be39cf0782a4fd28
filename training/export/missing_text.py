"""The step in front of an adopted pipeline: in a packed row missing text is NaN already, so no node is needed."""

from __future__ import annotations

import dataclasses
import math

from training.export.pen import Pen
from training.export.registry import transformer
from training.export.values import Codes, Columns
from training.transformers.missing_text import MissingText


@transformer(MissingText)
def missing_text(pen: Pen, model: MissingText, columns: Columns) -> Columns:  # noqa: ARG001 - as all converters
    """The columns as they are; encoders and imputers behind it look for NaN where they would look for None."""
    names = columns.names or tuple(str(name) for name in model.feature_names_in_)
    codes: list[Codes | None] = [
        {**code, math.nan: math.nan} if code is not None and name in model.columns else code
        for name, code in zip(names, columns.codes, strict=True)
    ]
    return dataclasses.replace(columns, codes=tuple(codes))
