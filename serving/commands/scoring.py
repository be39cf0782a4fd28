"""The answers to the rows of a file: the decoder, the graph and the encoder of the service, without HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from serving.codec.rows import Rows
from serving.commands.row_files import Chunk
from serving.errors import ServingError
from serving.model import ServedModel

SINGULAR = {"predictions": "prediction", "probabilities": "probabilities", "intervals": "interval", "sets": "set"}
"""The keys of an answer to many rows, and the key of the same content in the answer to one row."""


@dataclass
class ScoreCounts:
    """The numbers of rows of a run."""

    answered: int = 0
    refused: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    """The number of refused rows by field and expected value."""


def split_answer(answer: dict[str, Any], numbers: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """Yield the answer to each row, in the form of the answer to a single object, with the row's number.

    Args:
        answer: the answer to many rows.
        numbers: the position of each row in its file.
    """
    clips: dict[int, list[dict[str, Any]]] = {}
    for clip in answer.get("clipped", []):
        clips.setdefault(clip["row"], []).append({key: value for key, value in clip.items() if key != "row"})
    identifiers = answer.get("identifiers")
    for index, number in enumerate(numbers):
        content: dict[str, Any] = {"row": number}
        content |= {short: answer[key][index] for key, short in SINGULAR.items() if key in answer}
        if identifiers is not None:
            content["identifiers"] = identifiers[index]
        if index in clips:
            content["clipped"] = clips[index]
        yield content


def score(model: ServedModel, chunks: Iterable[Chunk], counts: ScoreCounts) -> Iterator[dict[str, Any]]:
    """Yield the answer to each row, or its error.

    A row that does not fit the contract has the key ``error`` with the error of the service, and the other rows are answered.

    Args:
        model: answers the rows.
        chunks: the rows.
        counts: is increased while the rows are answered.
    """
    for chunk in chunks:
        rows = _decode(model, chunk)
        if rows is not None:
            yield from _answers(model, rows, chunk, counts)
            continue
        # One row does not fit: each row is decoded alone, so that the others are answered.
        for single in chunk.single():
            try:
                row = single.decode(model)
            except ServingError as error:
                yield _refusal(error, single, counts)
            else:
                yield from _answers(model, row, single, counts)


def _decode(model: ServedModel, chunk: Chunk) -> Rows | None:
    try:
        return chunk.decode(model)
    except ServingError:
        return None


def _answers(model: ServedModel, rows: Rows, chunk: Chunk, counts: ScoreCounts) -> Iterator[dict[str, Any]]:
    yield from split_answer(model.answer(rows), chunk.numbers)
    counts.answered += rows.count


def _refusal(error: ServingError, chunk: Chunk, counts: ScoreCounts) -> dict[str, Any]:
    envelope = error.envelope()
    counts.refused += 1
    for detail in error.details[:1]:
        reason = f"{detail.field}: expected {detail.expected}"
        counts.reasons[reason] = counts.reasons.get(reason, 0) + 1
    details = [
        {"field": detail.field, "expected": detail.expected, "got": detail.got} for detail in envelope["details"]
    ]
    number = chunk.numbers[0]
    # The decoder has seen one row and calls it row 0; the reader of the message knows the rows of the file.
    message = envelope["message"].replace("row 0: expected", f"row {number}: expected", 1)
    return {"row": number, "error": {"code": envelope["code"], "message": message, "details": details}}
