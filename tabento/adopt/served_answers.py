"""The check that the service can send every answer of an import: the answers to the sample and to the proof's rows.

A number must be finite. A label must be a class of the contract. Probabilities must be between 0 and 1 and add up to 1.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.adopt.errors import AdoptionError
from tabento.bundle.contract import Contract, Label, label_key
from tabento.tables.frames import to_frame

ROUNDING = 1e-9
"""The largest distance of a probability from 0 to 1, as in the service: sums and quotients of doubles can exceed the ends."""
SUM_SLACK = 1e-5
"""The largest distance of the sum of a row's probabilities from 1: they can be computed in float32, for many classes."""


def require_servable(
    answers: NDArray[np.float64], contract: Contract, where: Callable[[int], str], remedy: str
) -> None:
    """Raise an error if the service would refuse an answer.

    Args:
        answers: shape (N,) for numbers; of a classification (N, W): a label's index, then the probabilities; of
            several targets (N, W): a number or a label's index for each.
        contract: the meaning of the answers.
        where: returns a description of the row at an index.
        remedy: the remedy for an answer that is refused.

    Raises:
        AdoptionError: with the number of refused answers, the first of them and the reason.
    """
    if not len(answers):
        return
    faulty, reason = _unservable_rows(answers.reshape(len(answers), -1), contract)
    if not faulty.any():
        return
    row = int(np.argmax(faulty))
    raise AdoptionError(
        f"the service would refuse {int(faulty.sum()):,} of {len(answers):,} answers of this pipeline: {reason}. First"
        f" {where(row)}: it answers {_answer_text(answers[row], contract)}. {remedy}"
    )


def row_as_sent(packed: NDArray[np.float64], contract: Contract) -> str:
    """Return one packed row, shape (F,), as a client would send it."""
    values = to_frame(packed.reshape(1, -1), contract).iloc[0].to_dict()
    return json.dumps(
        {str(name): None if pd.isna(value) else value for name, value in values.items()}, ensure_ascii=False
    )


def _unservable_rows(rows: NDArray[np.float64], contract: Contract) -> tuple[NDArray[np.bool_], str]:
    """Return the mask of refused rows among rows of shape (N, W), bool of shape (N,), and the reason."""
    sets = contract.output.label_sets
    faulty: NDArray[np.bool_]
    if not sets:
        faulty = np.any(~np.isfinite(rows), axis=1)
        return faulty, "a number must be finite"
    for index, classes in enumerate(sets):
        faulty = ~np.isin(rows[:, index], np.arange(len(classes), dtype=np.float64))
        if faulty.any():
            return faulty, f"a label must be one of {list(classes)}"
    if not contract.output.probabilities:
        return faulty, ""
    probabilities = rows[:, 1:]
    # The negated form makes NaN a refused value.
    faulty = np.any(~((probabilities >= -ROUNDING) & (probabilities <= 1 + ROUNDING)), axis=1)
    if faulty.any():
        return faulty, "a probability must be between 0 and 1"
    return np.abs(probabilities.sum(axis=1) - 1) > SUM_SLACK, "the probabilities of a row must add up to 1"


def _answer_text(answer: NDArray[np.float64], contract: Contract) -> str:
    values = answer.ravel().tolist()
    if contract.output.targets is not None:
        sets = contract.output.label_sets or (None,) * len(values)
        return ", ".join(
            f"{name}: {value if target_classes is None else _label(value, target_classes)}"
            for name, value, target_classes in zip(contract.target_names, values, sets, strict=False)
        )
    classes = contract.output.classes
    if classes is None:
        return str(values[0])
    label = _label(values[0], classes)
    if len(values) == 1:
        return label
    shares = ", ".join(
        f"{label_key(key)}: {value:.6g}"  # rounded: a computed share
        for key, value in zip(classes, values[1:], strict=False)
    )
    return f"{label} with the probabilities {{{shares}}}"


def _label(index: float, classes: Sequence[Label]) -> str:
    return repr(classes[int(index)]) if index in range(len(classes)) else f"class number {index}"
