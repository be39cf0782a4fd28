"""Mutated messages are answered or refused as the client's fault, never as a fault of the service."""

from __future__ import annotations

import random

import grpc

from tests.bundles import TREE
from tests.serving.protocols.grpc.grpc_service import GrpcService, inputs_of, raw_method, typed_request

CLIENT_FAULTS = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
}
COUNT = 400
SEED = 15
HEADROOM = 200


def _raw_message() -> bytes:
    """Return a request of two rows with raw contents."""
    request = typed_request()
    request.ClearField("inputs")
    for tensor in inputs_of([TREE, {**TREE, "slope": 3.5}]):
        request.inputs.append(tensor._get_tensor())
        request.raw_input_contents.append(tensor._get_content())
    message: bytes = request.SerializeToString()
    return message


def _mutate(message: bytes, generator: random.Random) -> bytes:
    """Return a message with some bytes replaced, removed, repeated or inserted."""
    content = bytearray(message)
    for _ in range(generator.randint(1, 4)):
        index = generator.randrange(len(content))
        length = generator.randint(1, 12)
        kind = generator.randrange(5)
        if kind == 0:
            content[index] ^= 1 << generator.randrange(8)
        elif kind == 1:
            del content[index : index + length]
        elif kind == 2:
            content[index:index] = content[index : index + length]
        elif kind == 3:
            content[index:index] = generator.randbytes(length)
        else:
            content[index : index + length] = generator.choice((b"\xff", b"\x00", b"\x80")) * length
    return bytes(content)


def test_mutated_messages_are_never_a_fault_of_the_service(service: GrpcService) -> None:
    """Each mutated message is answered or refused as the client's fault; messages are bounded, and a good one is answered."""
    generator = random.Random(SEED)
    originals = (typed_request().SerializeToString(), _raw_message())
    with raw_method(service) as call:
        for original in originals:
            assert call(original)
        for index in range(COUNT):
            message = _mutate(originals[index % 2], generator)
            try:
                call(message, timeout=30)
            except grpc.RpcError as error:
                assert error.code() in CLIENT_FAULTS, (index, message, error.details())
                assert "Traceback" not in error.details()
                assert len(error.details()) < 4_000 + HEADROOM
        assert all(call(original) for original in originals)
    assert service.application.metrics.in_flight == 0
