"""Behaviour: expectations about the answer, tested on the served graph (M. T. Ribeiro et al., Beyond accuracy: behavioral
testing of NLP models with CheckList, 2020).

An invariance: another value of a field must not change the answer. A direction: a higher value of a field must raise or
lower the answer. The checks use the features of the test rows, not their targets.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession

from tabento.bundle.contract import Contract, Feature, encode_value
from tabento.bundle.numbers import number_text
from tabento.bundle.session import open_session
from tabento.packaging.served_graph import graph_answers
from tabento.tables.frames import to_rows
from tabento.tables.texts import text_number
from training.config import Direction, Invariance
from training.gate.gate_input import GateInput
from training.gate.report import Check, limit_check, unlimited_check

GROUP = "Behaviour"
ROWS_MAX = 2_000
"""The number of test rows that are tested. The first rows are a random sample, because the split shuffles the rows."""
_REMEDY_INVARIANCE = "remove the field from the features, or allow a larger change in the config"
_REMEDY_DIRECTION = "look at the field's values and units in the data, constrain the estimator, or drop the expectation"


def check_behaviour(gate_input: GateInput) -> list[Check]:
    """Check every invariance and every direction of the config."""
    gate = gate_input.config.gate
    if not gate.invariances and not gate.directions:
        return [
            unlimited_check("behaviour", None, group=GROUP, detail="the config names no invariance and no direction")
        ]
    rows = to_rows(gate_input.test, gate_input.contract)[:ROWS_MAX]
    session = open_session(gate_input.model)
    checks = [_invariance(item, gate_input.contract, rows, session) for item in gate.invariances]
    return checks + [
        check for item in gate.directions for check in _direction(item, gate_input.contract, rows, session)
    ]


def _invariance(rule: Invariance, contract: Contract, rows: NDArray[np.float64], session: InferenceSession) -> Check:
    """Set the field to each value and compute the share of rows whose answer changes too much with any value."""
    name = f"invariances.{rule.feature}"
    index, feature = _feature(contract, rule.feature)
    before = graph_answers(session, rows)
    changed_mask = np.zeros(len(rows), dtype=bool)
    furthest = 0.0
    for value in rule.changes:
        changed = rows.copy()
        text = feature.type == "text" and isinstance(value, str)
        changed[:, index] = text_number(str(value)) if text else encode_value(feature, value)
        distance = _distance(before, graph_answers(session, changed))
        changed_mask |= distance > rule.relative_max
        furthest = max(furthest, float(distance.max(initial=0.0)))
    share = float(changed_mask.mean()) if len(rows) else 0.0
    how = "relative to the answer" if contract.output.classes is None else "of a probability"
    detail = (
        f"share of {len(rows):,} rows whose answer moves by more than {number_text(rule.relative_max)} ({how}) when"
        f" {rule.feature!r} becomes {' or '.join(repr(value) for value in rule.changes)}; the furthest moves by {furthest:.3g}"
    )
    return limit_check(name, share, rule.share_max, group=GROUP, detail=detail, remedy=_REMEDY_INVARIANCE)


def _distance(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the change of each answer: relative for a number, the largest change of a probability for a classification."""
    if before.ndim == 1:
        gap = np.abs(after - before)
        share: NDArray[np.float64] = np.where(gap == 0, 0.0, np.inf)
        np.divide(gap, np.abs(before), out=share, where=before != 0)
        return share
    if before.shape[1] == 1:
        return np.asarray(before[:, 0] != after[:, 0], dtype=np.float64)
    return np.asarray(np.abs(after[:, 1:] - before[:, 1:]).max(axis=1), dtype=np.float64)


def _change_in_words(rule: Direction) -> str:
    if rule.add is None:
        return f"times {number_text(rule.factor or 1.0)}"
    return f"{'+' if rule.add >= 0 else ''}{number_text(rule.add)}"


def _direction(
    rule: Direction, contract: Contract, rows: NDArray[np.float64], session: InferenceSession
) -> list[Check]:
    """Change the field in the rows whose changed value is in range, and check the direction of the answers."""
    change = _change_in_words(rule)
    name = f"directions.{rule.feature} {change}"
    index, feature = _feature(contract, rule.feature)
    changed = rows.copy()
    changed[:, index] = rows[:, index] + rule.add if rule.add is not None else rows[:, index] * (rule.factor or 1.0)
    if feature.type == "integer":
        changed[:, index] = np.rint(changed[:, index])
    tested_mask = (changed[:, index] >= feature.lower) & (changed[:, index] <= feature.upper)
    if not tested_mask.any():
        detail = f"no row has a {rule.feature!r} that is in range after the change ({change}), so nothing was tested"
        return [unlimited_check(name, None, group=GROUP, detail=detail)]
    move = _level(graph_answers(session, changed[tested_mask])) - _level(graph_answers(session, rows[tested_mask]))
    expected_move = move if rule.answer == "rises" else -move
    unit = (contract.output.unit or "") if contract.output.classes is None else "of probability"
    detail = f"{rule.feature!r} {change} in {int(tested_mask.sum()):,} rows: the mean answer should {rule.answer[:-1]}"
    return [
        limit_check(
            f"{name}, mean",
            float(expected_move.mean()),
            0.0,
            "at least",
            group=GROUP,
            unit=unit,
            detail=f"{detail}; how far it goes that way",
            remedy=_REMEDY_DIRECTION,
        ),
        limit_check(
            f"{name}, rows",
            float((expected_move >= 0).mean()),
            rule.share_min,
            "at least",
            group=GROUP,
            detail=f"{detail}; share of rows whose own answer goes that way or stays",
            remedy=_REMEDY_DIRECTION,
        ),
    ]


def _level(answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the value that should rise or fall: the number, or the probability of the last class (of two classes, the positive)."""
    return answers if answers.ndim == 1 else answers[:, -1]


def _feature(contract: Contract, name: str) -> tuple[int, Feature]:
    index = contract.feature_names.index(name)
    return index, contract.features[index]
