"""What the service refuses to answer, looked for in every answer that an import sees: the sample's and the proof's.

A number has to be finite. A label has to be one of the contract's. Probabilities have to lie between 0 and 1 and add up
to 1.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bundle.contract import Contract, Label, label_key
from training.adoption.errors import AdoptionError
from training.frames import to_frame

ROUNDING = 1e-9
"""How far a probability may lie outside 0 to 1, as for the service: sums and quotients of doubles reach past the ends."""
SUM_SLACK = 1e-5
"""How far the sum of a row's probabilities may be from 1: they may have been computed in float32, for many classes."""


def require_servable(
    answers: NDArray[np.float64], contract: Contract, where: Callable[[int], str], remedy: str
) -> None:
    """Let answers through that the service takes.

    Args:
        answers: shape (N,) for numbers; of a classification (N, W): a label's index and, behind it, the probabilities; of
            several targets (N, W): a number or a label's index for each.
        contract: what they mean.
        where: says in words which row an index of the answers is.
        remedy: what to do about an answer that is not taken.

    Raises:
        AdoptionError: with how many answers are not taken, the first of them and why.
    """
    if not len(answers):
        return
    faulty, reason = _faults(answers.reshape(len(answers), -1), contract)
    if not faulty.any():
        return
    row = int(np.argmax(faulty))
    raise AdoptionError(
        f"the service would refuse {int(faulty.sum()):,} of {len(answers):,} answers of this pipeline: {reason}. First"
        f" {where(row)}: it answers {_shown(answers[row], contract)}. {remedy}"
    )


def row_as_sent(packed: NDArray[np.float64], contract: Contract) -> str:
    """Return one packed row, shape (F,), as a client would send it."""
    values = to_frame(packed.reshape(1, -1), contract).iloc[0].to_dict()
    return json.dumps(
        {str(name): None if pd.isna(value) else value for name, value in values.items()}, ensure_ascii=False
    )


def _faults(rows: NDArray[np.float64], contract: Contract) -> tuple[NDArray[np.bool_], str]:
    """Return which rows of shape (N, W) are not taken, bool of shape (N,), and what is wrong with them."""
    sets = contract.output.label_sets
    faulty: NDArray[np.bool_]
    if not sets:
        faulty = np.any(~np.isfinite(rows), axis=1)
        return faulty, "a number has to be finite"
    for at, classes in enumerate(sets):
        faulty = ~np.isin(rows[:, at], np.arange(len(classes), dtype=np.float64))
        if faulty.any():
            return faulty, f"a label has to be one of {list(classes)}"
    if not contract.output.probabilities:
        return faulty, ""
    probabilities = rows[:, 1:]
    # Written so that NaN is outside.
    faulty = np.any(~((probabilities >= -ROUNDING) & (probabilities <= 1 + ROUNDING)), axis=1)
    if faulty.any():
        return faulty, "a probability lies between 0 and 1"
    return np.abs(probabilities.sum(axis=1) - 1) > SUM_SLACK, "the probabilities of a row add up to 1"


def _shown(answer: NDArray[np.float64], contract: Contract) -> str:
    values = answer.ravel().tolist()
    if contract.output.targets is not None:
        sets = contract.output.label_sets or (None,) * len(values)
        return ", ".join(
            f"{name}: {value if known is None else _label(value, known)}"
            for name, value, known in zip(contract.target_names, values, sets, strict=False)
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
