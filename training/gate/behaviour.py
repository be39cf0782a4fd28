"""Behaviour: what people know about the answer, tried on the served graph (M. T. Ribeiro et al., Beyond accuracy:
behavioral testing of NLP models with CheckList, 2020).

An invariance: another value in this field must not move the answer. A direction: more of this must push it one way. The
test rows lend their features; their truth is not looked at.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession

from bundle.contract import Contract, Feature, encode_value
from bundle.numbers import number_text
from training.config import Direction, Invariance
from training.frames import to_rows
from training.gate.given import GateInput
from training.gate.report import Check, judged, shown
from training.served_graph import graph_answers, open_graph
from training.texts import text_number

GROUP = "Behaviour"
ROWS_MAX = 2_000
"""How many test rows are tried, the first of them: a split shuffles them."""
_REMEDY_INVARIANCE = "leave the field out of the features, or say in the config how far it may matter"
_REMEDY_DIRECTION = "look at the field's values and units in the data, constrain the estimator, or drop the expectation"


def check_behaviour(given: GateInput) -> list[Check]:
    """Try every invariance and every direction of the config."""
    gate = given.config.gate
    if not gate.invariances and not gate.directions:
        return [shown("behaviour", None, group=GROUP, detail="the config names no invariance and no direction")]
    rows = to_rows(given.test, given.contract)[:ROWS_MAX]
    session = open_graph(given.model)
    checks = [_invariance(item, given.contract, rows, session) for item in gate.invariances]
    return checks + [check for item in gate.directions for check in _direction(item, given.contract, rows, session)]


def _invariance(rule: Invariance, contract: Contract, rows: NDArray[np.float64], session: InferenceSession) -> Check:
    """Put each value in the field's place and count the rows whose answer moves too far with any of them."""
    name = f"invariances.{rule.feature}"
    place, feature = _feature(contract, rule.feature)
    before = graph_answers(session, rows)
    moved = np.zeros(len(rows), dtype=bool)
    furthest = 0.0
    for value in rule.changes:
        changed = rows.copy()
        text = feature.type == "text" and isinstance(value, str)
        changed[:, place] = text_number(str(value)) if text else encode_value(feature, value)
        distance = _distance(before, graph_answers(session, changed))
        moved |= distance > rule.relative_max
        furthest = max(furthest, float(distance.max(initial=0.0)))
    share = float(moved.mean()) if len(rows) else 0.0
    how = "relative to the answer" if contract.output.classes is None else "of a probability"
    detail = (
        f"share of {len(rows):,} rows whose answer moves by more than {number_text(rule.relative_max)} ({how}) when"
        f" {rule.feature!r} becomes {' or '.join(repr(value) for value in rule.changes)}; the furthest moves by {furthest:.3g}"
    )
    return judged(name, share, rule.share_max, group=GROUP, detail=detail, remedy=_REMEDY_INVARIANCE)


def _distance(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each answer moved: relative for a number, the furthest probability for a classification."""
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
    """Change the field where it has a value and the changed one is in range, and see where the answers go."""
    change = _change_in_words(rule)
    name = f"directions.{rule.feature} {change}"
    place, feature = _feature(contract, rule.feature)
    changed = rows.copy()
    changed[:, place] = rows[:, place] + rule.add if rule.add is not None else rows[:, place] * (rule.factor or 1.0)
    if feature.type == "integer":
        changed[:, place] = np.rint(changed[:, place])
    tried = (changed[:, place] >= feature.lower) & (changed[:, place] <= feature.upper)
    if not tried.any():
        detail = f"no row has a {rule.feature!r} that is in range after the change ({change}), so nothing was tried"
        return [shown(name, None, group=GROUP, detail=detail)]
    move = _level(graph_answers(session, changed[tried])) - _level(graph_answers(session, rows[tried]))
    wanted = move if rule.answer == "rises" else -move
    unit = (contract.output.unit or "") if contract.output.classes is None else "of probability"
    detail = f"{rule.feature!r} {change} in {int(tried.sum()):,} rows: the mean answer should {rule.answer[:-1]}"
    return [
        judged(
            f"{name}, mean",
            float(wanted.mean()),
            0.0,
            "at least",
            group=GROUP,
            unit=unit,
            detail=f"{detail}; how far it goes that way",
            remedy=_REMEDY_DIRECTION,
        ),
        judged(
            f"{name}, rows",
            float((wanted >= 0).mean()),
            rule.share_min,
            "at least",
            group=GROUP,
            detail=f"{detail}; share of rows whose own answer goes that way or stays",
            remedy=_REMEDY_DIRECTION,
        ),
    ]


def _level(answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what should rise or fall: the number, or the last class's probability (the positive one of two)."""
    return answers if answers.ndim == 1 else answers[:, -1]


def _feature(contract: Contract, name: str) -> tuple[int, Feature]:
    place = contract.feature_names.index(name)
    return place, contract.features[place]
