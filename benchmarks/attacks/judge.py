"""The judgement of the answers to hostile requests: no 500, no other envelope, no leak."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

ERROR_KEYS = (
    {"code", "message", "details"},
    {"code", "message", "details", "limit", "remaining", "retry_after_seconds"},
)
LEAKS = re.compile(
    rb"Traceback|File \"|\.py\b|site-packages|/usr/|/home/|/tmp/|/root/|object at 0x|<class '|Error\(|"
    rb"(?:serving|runners|tabento|starlette|uvicorn|bentoml|msgspec|numpy|onnxruntime)\.[a-z_]+|root:x:0:0"
)
"""Texts that would tell about the service's code, its files or the computer."""
_STATUS_LINE = re.compile(r"HTTP/1\.1 ([1-5]\d\d)(?: [^\x00-\x1f]*)?")
SECRET = b"canary-7f3a1c"
"""A text that another client sends in its values and its request ids: no other answer may have it."""


class ReceivedAnswer:
    """One answer of the service."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


def split_answers(received: bytes) -> Iterator[ReceivedAnswer]:
    """Yield the answers in the bytes of one connection, without interim answers.

    Raises:
        ValueError: the bytes are not answers with a known length.
    """
    position = 0
    while position < len(received):
        end = received.find(b"\r\n\r\n", position)
        if end < 0:
            raise ValueError(f"no end of a head in {received[position : position + 80]!r}")
        lines = received[position:end].decode("latin-1").split("\r\n")
        match = _STATUS_LINE.fullmatch(lines[0])
        if match is None:
            raise ValueError(f"no status line in {received[position : position + 80]!r}")
        status = int(match[1])
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        position = end + 4
        if status < 200:
            continue
        length = int(headers.get("content-length", "0"))
        body = received[position : position + length]
        if len(body) < length and body:
            raise ValueError(f"{length} bytes of a body announced, got {len(body)}")
        position += len(body)
        yield ReceivedAnswer(status, headers, body)


def faults_of(answer: ReceivedAnswer, sent: bytes) -> list[str]:
    """Return the faults of an answer to a hostile request.

    Args:
        answer: the answer.
        sent: the bytes of the request; an answer may repeat texts of its own request.
    """
    faults = []
    if answer.status >= 500 and answer.status not in (501, 503, 504, 505):
        faults.append(f"status {answer.status}")
    headers = repr(sorted(answer.headers.items())).encode()
    for match in LEAKS.finditer(answer.body + headers):
        if match[0] not in sent and not _is_document(answer):
            faults.append(f"the answer has {match[0]!r}")
            break
    if SECRET in answer.body + headers and SECRET not in sent:
        faults.append("the answer has a text of another client")
    if "server" in answer.headers or "x-powered-by" in answer.headers:
        faults.append("the answer names its server")
    if answer.status >= 400 and answer.body:
        faults += envelope_faults(answer)
    return faults


def envelope_faults(answer: ReceivedAnswer) -> list[str]:
    """Return the faults of an error's envelope; an error of the Open Inference Protocol is an object with a text."""
    try:
        content = json.loads(answer.body)
    except ValueError:
        return [f"status {answer.status} without JSON: {answer.body[:80]!r}"]
    if not isinstance(content, dict):
        return [f"status {answer.status} with {type(content).__name__}"]
    error = content.get("error")
    if isinstance(error, str) and not content.keys() - {"error", "request_id"}:
        return []
    if answer.status == 503 and "status" in content:
        return []  # the health routes answer with their own document
    if not isinstance(error, dict) or set(error) not in ERROR_KEYS or set(content) != {"error", "request_id"}:
        return [f"status {answer.status} with another envelope: {answer.body[:120]!r}"]
    if content["request_id"] != answer.headers.get("x-request-id"):
        return ["the request id of body and header differ"]
    return []


def _is_document(answer: ReceivedAnswer) -> bool:
    """Return whether an answer is a page or description, whose texts are public."""
    return answer.status == 200 and b'"prediction' not in answer.body[:40]
