"""Writes TargetEncoder of sklearn.preprocessing.

Digits: the numbers that the fitted encoder itself gives for each category, see ``encoder_answers``.
"""

from __future__ import annotations

import numpy as np
from sklearn.preprocessing import TargetEncoder

from tabento.export.converters.preprocessing.encoder_answers import Answers, query_encoder
from tabento.export.converters.preprocessing.encoders import look_up_each
from tabento.export.graph.values import Columns, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import same_in_float32, transformer

same_in_float32(TargetEncoder)


@transformer(TargetEncoder)
def target_encoder(writer: GraphWriter, model: TargetEncoder, columns: Columns) -> Columns:
    """Write the target's smoothed mean for each code, or one share for each class; unknown codes get the mean over all rows."""
    classes = len(model.classes_) if model.target_type_ == "multiclass" else 1
    answers = query_encoder(writer, model, columns, [classes] * columns.width, raises=False)
    repeated = writer.pick(columns, np.repeat(np.arange(columns.width), classes).tolist())
    answer_by_class = [
        Answers(answer.codes, answer.known[:, [index]], None if answer.unknown is None else answer.unknown[[index]])
        for answer in answers
        for index in range(classes)
    ]
    return numbers(look_up_each(writer, repeated, answer_by_class), columns.width * classes)
