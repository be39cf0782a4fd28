"""How another reader frames some bytes: h11, and whether our server's answers agree with it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import h11

from benchmarks.siege.rows import prediction, row
from tests.serving.fastpath.exchange import Exchange, ServerReaction

_SAFE_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_LARGEST_EVENT = 1 << 22
_EMPTY_ANSWER = [(b"content-length", b"0")]


@dataclass(frozen=True)
class FramedRequest:
    """One whole request."""

    method: bytes
    target: bytes
    request_id: str | None
    """The id that the server repeats; None if there is none, several, or one that it does not repeat."""
    body: bytes
    version: bytes = b"1.1"

    @property
    def prediction(self) -> float | None:
        """The right answer, if the request is one of the siege's rows."""
        try:
            content = json.loads(self.body)
            number = content["count"]
            return prediction(number) if content == row(number) else None
        except (ValueError, KeyError, TypeError):
            return None


@dataclass(frozen=True)
class Reading:
    """What h11 makes of some bytes."""

    requests: tuple[FramedRequest, ...]
    """The whole requests, in order."""
    fault: str | None
    """Why it refuses what is behind them."""
    closes: bool
    """Whether the last of them ends the connection."""

    @property
    def is_complete(self) -> bool:
        """Whether there is nothing behind the requests. h11 itself ends each connection of HTTP/1.0, whatever it asks."""
        return self.fault is None and not (self.closes and self.requests[-1].version == b"1.0")


def read_with_h11(data: bytes) -> Reading:
    """Return how h11 frames all that a client sends on one connection."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_LARGEST_EVENT)
    requests: list[FramedRequest] = []
    head: h11.Request | None = None
    content = b""
    connection.receive_data(data)
    is_finished = False
    try:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                if is_finished:
                    return Reading(tuple(requests), None, closes=False)
                connection.receive_data(b"")
                is_finished = True
            elif isinstance(event, h11.Request):
                head, content = event, b""
            elif isinstance(event, h11.Data):
                content += event.data
            elif isinstance(event, h11.EndOfMessage):
                assert head is not None
                requests.append(_frame(head, content))
                # Nothing but a refusal: an offer to change the protocol is not taken up.
                connection.send(h11.Response(status_code=400, headers=_EMPTY_ANSWER))
                connection.send(h11.EndOfMessage())
                if connection.our_state is not h11.DONE:
                    return Reading(tuple(requests), None, closes=True)
                connection.start_next_cycle()
            else:
                return Reading(tuple(requests), None, closes=False)
    except h11.RemoteProtocolError as error:
        return Reading(tuple(requests), str(error), closes=False)


def _frame(head: h11.Request, content: bytes) -> FramedRequest:
    ids = [value for name, value in head.headers if name == b"x-request-id"]
    known_codings = ids[0].decode() if len(ids) == 1 and _SAFE_ID.fullmatch(ids[0]) else None
    return FramedRequest(bytes(head.method), bytes(head.target), known_codings, content, bytes(head.http_version))


def disagreement(requests: Sequence[FramedRequest], seen: Exchange, *, is_complete: bool) -> str | None:
    """Return where our answers show another framing than some requests have; None if they agree.

    A reader may refuse what the other accepts. Nobody may take other bytes for a request than the other does.

    Args:
        requests: as another reader framed them, in order.
        seen: our server's answers.
        is_complete: whether the other reader read all to the end without a refusal, so that more answers are too many.
    """
    if seen.hangs:
        return "the server neither answered nor closed"
    answers = seen.answers
    for index, (request, answer) in enumerate(zip(requests, answers, strict=False)):
        if _refuses(answer, request) and index == len(answers) - 1:
            return None
        if request.request_id is not None and answer.request_id != request.request_id:
            return f"request {index} has the id {request.request_id}, our answer is to {answer.request_id}"
        if answer.prediction is not None and answer.prediction != request.prediction:
            return f"request {index} should be answered {request.prediction}, our answer is {answer.prediction}"
    if is_complete and len(answers) > len(requests) and answers[-1].status < 400:
        return f"{len(requests)} requests, {len(answers)} answers"
    if len(answers) < len(requests) and not (answers and answers[-1].closes):
        return f"{len(requests)} whole requests, and only {len(answers)} answers"
    return None


def _refuses(answer: ServerReaction, request: FramedRequest) -> bool:
    """Tell whether an answer is an error that need not be this request's own."""
    return answer.status >= 400 and answer.request_id != request.request_id
