"""The check of a server's reaction to a vector."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.siege.rows import prediction
from tests.serving.fastpath.exchange import Exchange, ServerReaction
from tests.serving.fastpath.vectors.vector import HIDDEN_ID, MARKER_ID, ExpectedAnswer, Vector


def fault(vector: Vector, seen: Exchange) -> str | None:
    """Return the fault of an exchange; None if it is right."""
    if seen.hangs:
        return f"the server neither answered nor closed; before that it said {_describe_answers(seen.answers)}"
    if seen.rest:
        return f"bytes behind the last answer: {seen.rest[:100]!r}"
    if any(answer.request_id == HIDDEN_ID for answer in seen.answers):
        return "a request that is hidden in a body was answered"
    answers, followed = split(seen.answers)
    if vector.silent and not followed and _are_answers(vector.before, answers):
        return None
    if vector.framed is not None and _are_answers(vector.framed, answers) and vector.follows in (None, followed):
        return None
    if (
        vector.refused
        and not followed
        and answers
        and answers[-1].status in vector.refused
        and _are_answers(vector.before, answers[:-1])
    ):
        return None
    return f"expected {_describe_expected(vector)}, got {_describe_answers(seen.answers)}"


def split(answers: Sequence[ServerReaction]) -> tuple[Sequence[ServerReaction], bool]:
    """Return the answers without the marker's, and whether the marker was answered."""
    if answers and answers[-1].request_id == MARKER_ID:
        return answers[:-1], True
    return answers, False


def _are_answers(asks: Sequence[ExpectedAnswer], answers: Sequence[ServerReaction]) -> bool:
    return len(asks) == len(answers) and all(map(_is_answer, asks, answers))


def _is_answer(ask: ExpectedAnswer, answer: ServerReaction) -> bool:
    if answer.status not in ask.statuses or (ask.request_id is not None and answer.request_id != ask.request_id):
        return False
    return answer.status != 200 or ask.number is None or answer.prediction == prediction(ask.number)


def _describe_expected(vector: Vector) -> str:
    alternatives = []
    if vector.framed is not None:
        requests = [f"{'/'.join(map(str, sorted(ask.statuses)))} for {ask.request_id}" for ask in vector.framed]
        end = {True: "and the marker's", False: "and the end", None: ""}[vector.follows]
        alternatives.append(f"answers [{', '.join(requests)}] {end}".strip())
    if vector.refused:
        alternatives.append(f"{len(vector.before)} answers, one of {sorted(vector.refused)} and the end")
    if vector.silent:
        alternatives.append(f"{len(vector.before)} answers and the end")
    return ", or ".join(alternatives)


def _describe_answers(answers: Sequence[ServerReaction]) -> str:
    return "[" + ", ".join(f"{answer.status} for {answer.request_id}" for answer in answers) + "]"
