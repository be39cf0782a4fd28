"""A message of very many parts is refused before it is parsed."""

from __future__ import annotations

import pytest
from tritonclient.grpc import service_pb2

from serving.errors import MalformedError
from serving.protocols.grpc.infer_messages import parse_request
from serving.protocols.grpc.message_parts import SCANNED_BYTES, check_parts

PART_COUNT = SCANNED_BYTES


def _bytes_field(tag: int, content: bytes) -> bytes:
    """Return a field of bytes."""
    length, size = len(content), b""
    while length > 127:
        size += bytes([length & 127 | 128])
        length >>= 7
    return bytes([tag]) + size + bytes([length]) + content


HOSTILE = {
    "empty inputs": b"\x2a\x00" * PART_COUNT,
    "empty raw contents": b"\x3a\x00" * PART_COUNT,
    "parameters": b"\x22\x00" * PART_COUNT,
    "parameters of an input": _bytes_field(0x2A, b"\x22\x00" * PART_COUNT),
    "numbers": b"\x08\x01" * PART_COUNT,
    "fixed numbers": b"\x0d\x01\x01\x01\x01\x09\x01\x01\x01\x01\x01\x01\x01\x01" * PART_COUNT,
    "groups": b"\x0b" * PART_COUNT,
    "an endless number": b"\x08" + b"\xff" * PART_COUNT * 2,
    "a number that is cut off": _bytes_field(0x3A, b"x" * PART_COUNT) + b"\xff",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_messages_are_refused(name: str) -> None:
    """Many parts, and bytes that are not a message, are malformed."""
    with pytest.raises(MalformedError):
        parse_request(HOSTILE[name], 8)


def test_a_large_message_of_few_parts_is_parsed() -> None:
    """Contents may be long: only the number of parts is limited."""
    request = service_pb2.ModelInferRequest(model_name="orchard", raw_input_contents=[b"x" * PART_COUNT * 4])
    request.inputs.add(name="x", datatype="FP64", shape=[1, 2]).contents.fp64_contents.extend([1.5] * PART_COUNT)
    message = request.SerializeToString()
    check_parts(message, 20)
    assert parse_request(message, 8).SerializeToString() == message


def test_a_short_message_is_not_scanned() -> None:
    """A short message cannot hold many parts."""
    check_parts(b"\x2a\x00" * 1_000, 1)
