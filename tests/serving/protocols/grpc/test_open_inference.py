"""The messages are those of the public protocol, and the generated modules are current."""

from __future__ import annotations

from typing import Any

import pytest
from tritonclient.grpc import service_pb2

from serving.protocols.grpc import open_inference_pb2
from tools.grpc_code import FOLDER, GENERATED, generate

MESSAGES = sorted(open_inference_pb2.DESCRIPTOR.message_types_by_name)


def _fields(message: Any, prefix: str = "") -> dict[str, tuple[int, int, bool]]:
    """Return number, type and repetition of each field of a message and of the messages within it."""
    fields = {f"{prefix}{field.name}": (field.number, field.type, field.is_repeated) for field in message.fields}
    for nested in message.nested_types:
        fields |= _fields(nested, f"{prefix}{nested.name}.")
    return fields


@pytest.mark.parametrize("name", MESSAGES)
def test_fields_are_those_of_another_implementation(name: str) -> None:
    """Triton's client has each field with the same name, number and type."""
    peer_methods = _fields(service_pb2.DESCRIPTOR.message_types_by_name[name])
    assert _fields(open_inference_pb2.DESCRIPTOR.message_types_by_name[name]).items() <= peer_methods.items()


def test_methods_are_those_of_another_implementation() -> None:
    """Triton's client has each method with the same messages."""
    name = "GRPCInferenceService"
    own_methods, peer_methods = (
        module.DESCRIPTOR.services_by_name[name].methods_by_name for module in (open_inference_pb2, service_pb2)
    )
    for method in own_methods.values():
        other = peer_methods[method.name]
        assert (method.input_type.full_name, method.output_type.full_name) == (
            other.input_type.full_name,
            other.output_type.full_name,
        )


def test_the_generated_modules_are_current() -> None:
    """``make grpc-code`` would change nothing."""
    assert {name: (FOLDER / name).read_text(encoding="utf-8") for name in GENERATED} == generate()
