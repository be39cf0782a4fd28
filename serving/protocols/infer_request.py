"""An inference request of the Open Inference Protocol over REST, and the body of its answer.

With the binary tensor data extension, a body is a JSON object of ``Inference-Header-Content-Length`` bytes, and the binary data
of the inputs in their order follows. An answer with binary outputs has the same form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from serving.codec.rows import Clips, Rows
from serving.codec.shown_values import ShownValues
from serving.codec.slices import Steps, WorkMeter
from serving.codec.values import sendable, show_name
from serving.errors import DETAILS_LIMIT, Detail, InvalidError, MalformedError
from serving.protocols.json_reader import read_json
from serving.protocols.tensors import LayoutError, OutputTensor, Tensor, flatten, json_value

ID_CHARACTERS_LIMIT = 1_000
"""The largest number of characters of a request's ``id``, which the answer repeats."""
CLIPPED = "clipped"
"""The parameter of an answer with the list of the clipped values."""
_SPARE_VALUES = 10_000
"""The values of a request besides the elements of its tensors."""
_UNSUPPORTED_INPUTS = ("shared_memory_region",)
_UNSUPPORTED_OUTPUTS = ("shared_memory_region", "classification")
_MICROSECONDS = 1_000

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class InferRequest:
    """An inference request without its tensors."""

    id: str | None
    output_names: tuple[str, ...] | None
    """The names of the requested outputs; None for all."""
    binary_names: frozenset[str]
    """The names of the requested outputs that are answered as binary data."""
    is_binary: bool
    """Whether outputs that are not requested by name are answered as binary data."""
    deadline_ms: float | None
    """The time that the caller waits, from the parameter ``timeout``, in milliseconds."""


class InferRows(Rows, frozen=True, kw_only=True, gc=True):
    """Rows with the request from which they were read."""

    request: InferRequest


def parse_infer_request(
    body: bytes,
    header_length: int | None,
    meter: WorkMeter,
    max_elements: int,
    text_limit: int,
    message_values: ShownValues,
) -> Steps[tuple[InferRequest, list[Tensor]]]:
    """Return a request and its tensors.

    Args:
        body: the JSON object, and the binary data behind it.
        header_length: the length of the JSON object; None if it is the whole body.
        meter: counts the work.
        max_elements: the largest number of elements of all tensors of a valid request.
        text_limit: the largest number of characters of a text.
        message_values: shows wrong values.

    Raises:
        MalformedError: the body is not JSON in UTF-8, or is shorter than its header.
        InvalidError: a part of the request is missing, or of another type or size than the protocol has.
    """
    text, binary = body, b""
    if header_length is not None:
        if header_length > len(body):
            raise MalformedError(
                f"Expected Inference-Header-Content-Length of at most the body's {len(body)} bytes, got {header_length}."
            )
        text, binary = body[:header_length], body[header_length:]
    content = yield from read_json(text, meter, 2 * max_elements + _SPARE_VALUES, text_limit)
    return _Parser(binary, message_values).request(content)


def _is_id(value: object) -> bool:
    """Return whether an answer can repeat a request's id: a lone surrogate has no form in UTF-8."""
    return isinstance(value, str) and len(value) <= ID_CHARACTERS_LIMIT and sendable(value) == value


class _Parser:
    """Reads the parts of one request.

    Args:
        binary: the binary data behind the JSON object.
        message_values: shows wrong values.
    """

    def __init__(self, binary: bytes, message_values: ShownValues) -> None:
        self._binary = binary
        self._message_values = message_values
        self._position = 0
        self._details: list[Detail] = []

    def request(self, content: object) -> tuple[InferRequest, list[Tensor]]:
        """Return the request and its tensors.

        Raises:
            InvalidError: see ``parse_infer_request``.
        """
        if not isinstance(content, dict):
            self._add(None, "an object with the key 'inputs'", content)
            raise self._error()
        request_id = content.get("id")
        if request_id is not None and not _is_id(request_id):
            self._add("id", f"a text of at most {ID_CHARACTERS_LIMIT} characters of Unicode", request_id)
        parameters = self._parameters(content, "parameters")
        names, binary_names = self._outputs(content)
        inputs = content.get("inputs")
        tensors: list[Tensor] = []
        if not isinstance(inputs, list) or not inputs:
            self._add("inputs", "a list of at least one tensor", inputs)
        else:
            for index, tensor_content in enumerate(inputs):
                tensor = self._tensor(f"inputs[{index}]", tensor_content)
                if tensor is not None:
                    tensors.append(tensor)
                if len(self._details) > DETAILS_LIMIT:
                    break
        is_binary = self._flag(parameters, "binary_data_output", "parameters.binary_data_output")
        deadline_ms = self._deadline_ms(parameters)
        if self._position != len(self._binary) and not self._details:
            self._details.append(
                Detail(
                    None,
                    None,
                    f"{self._position} bytes of binary data, as binary_data_size of the inputs says",
                    f"{len(self._binary)} bytes",
                )
            )
        if self._details:
            raise self._error()
        assert request_id is None or isinstance(request_id, str)
        return InferRequest(request_id, names, binary_names, is_binary, deadline_ms), tensors

    def _add(self, field: str | None, expected: str, got: object) -> None:
        text = "nothing" if got is None else self._message_values.show(field, json_value(got))
        self._details.append(Detail(None, None if field is None else show_name(field), expected, text))

    def _error(self) -> InvalidError:
        first = self._details[0]
        place = "the body" if first.field is None else first.field
        message = f"The request is not an inference request; first {place}: expected {first.expected}, got {first.got}."
        return InvalidError(message, self._details)

    def _parameters(self, content: dict[str, Any], place: str) -> dict[str, Any]:
        parameters = content.get("parameters")
        if parameters is None:
            return {}
        if not isinstance(parameters, dict):
            self._add(place, "an object of parameters", parameters)
            return {}
        return parameters

    def _flag(self, parameters: dict[str, Any], name: str, place: str) -> bool:
        flag = parameters.get(name, False)
        if not isinstance(flag, bool):
            self._add(place, "true or false", flag)
            return False
        return flag

    def _deadline_ms(self, parameters: dict[str, Any]) -> float | None:
        """Return the parameter ``timeout``, which Triton's clients send in microseconds."""
        timeout = parameters.get("timeout")
        if timeout is None:
            return None
        if isinstance(timeout, bool) or not isinstance(timeout, int) or not 0 < timeout < 1 << 53:
            self._add("parameters.timeout", "a positive integer of microseconds", timeout)
            return None
        return timeout / _MICROSECONDS

    def _outputs(self, content: dict[str, Any]) -> tuple[tuple[str, ...] | None, frozenset[str]]:
        """Return the names of the requested outputs, and of those that are answered as binary data."""
        outputs = content.get("outputs")
        if outputs is None or outputs == []:
            return None, frozenset()
        if not isinstance(outputs, list):
            self._add("outputs", "a list of outputs", outputs)
            return None, frozenset()
        names: dict[str, None] = {}
        binary_names = set()
        for index, output in enumerate(outputs):
            place = f"outputs[{index}]"
            if not isinstance(output, dict) or not isinstance(output.get("name"), str):
                self._add(
                    f"{place}.name", "the name of an output", output.get("name") if isinstance(output, dict) else output
                )
            else:
                name = output["name"]
                parameters = self._parameters(output, f"{place}.parameters")
                self._refuse_unsupported(parameters, _UNSUPPORTED_OUTPUTS, place)
                names[name] = None
                if self._flag(parameters, "binary_data", f"{place}.parameters.binary_data"):
                    binary_names.add(name)
            if len(self._details) > DETAILS_LIMIT:
                break
        return tuple(names), frozenset(binary_names)

    def _refuse_unsupported(self, parameters: dict[str, Any], names: Sequence[str], place: str) -> None:
        for name in names:
            if name in parameters:
                self._add(f"{place}.parameters.{name}", "no such parameter: it is not supported here", parameters[name])

    def _tensor(self, place: str, content: object) -> Tensor | None:
        """Return one input, or add its faults."""
        if not isinstance(content, dict):
            self._add(place, "an object with name, shape, datatype and data", content)
            return None
        name, shape, datatype = content.get("name"), content.get("shape"), content.get("datatype")
        if not isinstance(name, str):
            self._add(f"{place}.name", "the name of a feature", name)
            return None
        if not isinstance(datatype, str):
            self._add(f"{place}.datatype", "the name of a datatype, such as FP64", datatype)
            return None
        if not isinstance(shape, list) or any(isinstance(axis, bool) or not isinstance(axis, int) for axis in shape):
            self._add(f"{place}.shape", "a list of integers", shape)
            return None
        parameters = self._parameters(content, f"{place}.parameters")
        self._refuse_unsupported(parameters, _UNSUPPORTED_INPUTS, place)
        axes, size, data = tuple(shape), parameters.get("binary_data_size"), content.get("data")
        if size is not None:
            return self._binary_tensor(place, Tensor(name, datatype, axes, b""), size, data)
        if not isinstance(data, list):
            self._add(f"{place}.data", "a list of elements, or the parameter binary_data_size", data)
            return None
        try:
            return Tensor(name, datatype, axes, flatten(data, axes))
        except LayoutError as error:
            self._details.append(Detail(None, f"{place}.data", *error.args))
            return None

    def _binary_tensor(self, place: str, tensor: Tensor, size: object, data: object) -> Tensor | None:
        """Return an input whose elements are the next bytes of the binary data."""
        place = f"{place}.parameters.binary_data_size"
        remaining = len(self._binary) - self._position
        if data is not None:
            self._add(place, "either data or binary_data_size", "both")
        elif isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= remaining:
            self._add(place, f"a length of at most the {remaining} bytes of binary data that follow", size)
            # The places of later inputs are unknown.
            self._position = len(self._binary)
        else:
            start = self._position
            self._position += size
            return Tensor(tensor.name, tensor.datatype, tensor.shape, self._binary[start : self._position])
        return None


def infer_answer(
    request: InferRequest, tensors: Sequence[OutputTensor], model: str, version: str, clips: Clips | None = None
) -> tuple[bytes, int | None]:
    """Return the body of an answer, and the length of its JSON object if binary data follows.

    Args:
        request: the request that is answered.
        tensors: the outputs.
        model: the model's name.
        version: its version in the model store.
        clips: the values of the request that were clipped, if there are some. Parameters are scalars in the protocol, so the
            answer has their list as a text of JSON.
    """
    outputs: list[dict[str, Any]] = []
    parts: list[bytes] = []
    for tensor in tensors:
        output: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape}
        if tensor.parameters:
            output["parameters"] = dict(tensor.parameters)
        is_binary = request.is_binary if request.output_names is None else tensor.name in request.binary_names
        if is_binary:
            content = tensor.binary()
            parts.append(content)
            output["parameters"] = {**tensor.parameters, "binary_data_size": len(content)}
        else:
            output["data"] = tensor.values
        outputs.append(output)
    answer: dict[str, Any] = {"model_name": model, "model_version": version}
    if request.id is not None:
        answer["id"] = request.id
    if clips is not None:
        answer["parameters"] = {CLIPPED: clips.json().decode()}
    text = _encode(answer | {"outputs": outputs})
    return (b"".join((text, *parts)), len(text)) if parts else (text, None)
