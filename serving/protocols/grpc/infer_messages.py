"""From a ``ModelInferRequest`` to tensors, and from output tensors to a ``ModelInferResponse``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from google.protobuf.message import DecodeError

from runners.work import Values
from serving.codec.rows import Rows
from serving.errors import Detail, InvalidError, MalformedError
from serving.protocols.answer_tensors import AnswerTensors
from serving.protocols.grpc.message_parts import SCANNED_BYTES, check_parts, model_names, not_a_message
from serving.protocols.grpc.open_inference_pb2 import InferTensorContents, ModelInferRequest, ModelInferResponse
from serving.protocols.infer_request import CLIPPED
from serving.protocols.tensors import BYTES, OutputTensor, Tensor

CONTENTS_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "BOOL": "bool_contents",
        "INT8": "int_contents",
        "INT16": "int_contents",
        "INT32": "int_contents",
        "INT64": "int64_contents",
        "UINT8": "uint_contents",
        "UINT16": "uint_contents",
        "UINT32": "uint_contents",
        "UINT64": "uint64_contents",
        "FP32": "fp32_contents",
        "FP64": "fp64_contents",
        BYTES: "bytes_contents",
    }
)
"""The field of ``InferTensorContents`` for each datatype; FP16 has none, and is sent as raw contents."""
FIELDS_PER_INPUT = 8
"""The fields of one input in a message: name, datatype, two lengths, contents, raw contents, and some parameters."""
SPARE_FIELDS = 1_000
"""The fields of a message besides those of its inputs."""


class ArrivedMessage:
    """A message of the wire. Its names are known before it is parsed, since the model decides how many parts it may have.

    Args:
        message: the bytes of the wire.

    Raises:
        MalformedError: the bytes are not a message.
    """

    __slots__ = ("_message", "_request", "name", "version")

    def __init__(self, message: bytes) -> None:
        self._message = message
        self._request: ModelInferRequest | None = None
        if len(message) > SCANNED_BYTES:
            self.name, self.version = model_names(message)
        else:
            self._request = parse_request(message, 0)  # a short message has no limit
            self.name, self.version = self._request.model_name, self._request.model_version

    def request(self, n_fields: int) -> ModelInferRequest:
        """Return the request.

        Args:
            n_fields: the number of features and identifiers of the model.

        Raises:
            MalformedError: the message has far more parts than the model has inputs, or its names are behind its inputs.
        """
        request = self._request or parse_request(self._message, n_fields)
        if (request.model_name, request.model_version) != (self.name, self.version):
            raise MalformedError("Expected model_name and model_version before the inputs, got them behind.")
        return request


def parse_request(message: bytes, n_fields: int) -> ModelInferRequest:
    """Return the request in a message.

    Args:
        message: the bytes of the wire.
        n_fields: the number of features and identifiers of the model.

    Raises:
        MalformedError: the bytes are not a message, or one of far more parts than the model has inputs.
    """
    check_parts(message, FIELDS_PER_INPUT * n_fields + SPARE_FIELDS)
    try:
        return ModelInferRequest.FromString(message)
    except DecodeError:
        raise not_a_message() from None


def request_tensors(request: ModelInferRequest) -> list[Tensor]:
    """Return the tensors of a request, with raw or with typed contents.

    Raises:
        InvalidError: the contents do not belong to the inputs.
    """
    inputs, raw = request.inputs, request.raw_input_contents
    if not raw:
        return [Tensor(tensor.name, tensor.datatype, tuple(tensor.shape), _typed_contents(tensor)) for tensor in inputs]
    if len(raw) != len(inputs):
        raise _contents_error(
            None, f"raw_input_contents with one entry for each of the {len(inputs)} inputs", f"{len(raw)} entries"
        )
    for tensor in inputs:
        if tensor.HasField("contents"):
            raise _contents_error(tensor.name, "no contents, as the request has raw_input_contents", "both")
    return [
        Tensor(tensor.name, tensor.datatype, tuple(tensor.shape), content)
        for tensor, content in zip(inputs, raw, strict=True)
    ]


def _typed_contents(tensor: ModelInferRequest.InferInputTensor) -> Sequence[Any]:
    """Return the elements of a tensor; an unknown datatype is refused when the tensor is decoded."""
    field_name = CONTENTS_FIELDS.get(tensor.datatype)
    contents = tensor.contents
    for field, _ in contents.ListFields():
        if field.name != field_name and tensor.datatype != "FP16":
            raise _contents_error(tensor.name, f"contents.{field_name} for {tensor.datatype}", f"contents.{field.name}")
    if field_name is None:
        if tensor.datatype == "FP16":
            raise _contents_error(tensor.name, "raw_input_contents for FP16", "no raw contents")
        return []
    return list(getattr(contents, field_name))


def _contents_error(name: str | None, expected: str, got: str) -> InvalidError:
    return InvalidError("The contents do not belong to the inputs.", [Detail(None, name and name[:100], expected, got)])


def requested_outputs(request: ModelInferRequest, answers: AnswerTensors) -> list[str] | None:
    """Return the names of the requested outputs; None for all.

    Raises:
        InvalidError: the model has no output of one of these names.
    """
    if not request.outputs:
        return None
    names = list(dict.fromkeys(output.name for output in request.outputs))
    answers.check_names(names)
    return names


class InferAnswer:
    """The form of the answer to one request.

    Args:
        answers: the outputs of the model.
        request: the request; its answer has raw contents if it has.
        names: the names of the requested outputs; None for all.
        request_id: the id of the answer if the request has none.
        model: the name of the model.
        version: its version.
    """

    __slots__ = ("_answers", "_id", "_is_raw", "_model", "_names", "_version")

    def __init__(
        self,
        answers: AnswerTensors,
        request: ModelInferRequest,
        names: list[str] | None,
        request_id: bytes,
        model: str,
        version: str,
    ) -> None:
        self._answers = answers
        self._names = names
        self._is_raw = bool(request.raw_input_contents)
        self._id = request.id or request_id.decode()
        self._model = model
        self._version = version

    def content(self, values: Values, rows: Rows) -> bytes:
        """Return the answer on the wire.

        Args:
            values: one prediction a row, from the graph.
            rows: the rows of the request.

        Raises:
            InternalError: the model's values contradict its contract.
        """
        response = ModelInferResponse(model_name=self._model, model_version=self._version, id=self._id)
        for tensor in self._answers.tensors(values, rows, self._names):
            output = response.outputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
            for key, text in tensor.parameters.items():
                output.parameters[key].string_param = text
            if self._is_raw:
                response.raw_output_contents.append(tensor.binary())
            else:
                output.contents.CopyFrom(_contents(tensor))
        if rows.clips is not None:
            response.parameters[CLIPPED].string_param = rows.clips.json().decode()
        return response.SerializeToString()


def _contents(tensor: OutputTensor) -> InferTensorContents:
    values: Any = tensor.values
    if tensor.datatype == BYTES:
        values = [text.encode() for text in values]
    fields: dict[str, Any] = {CONTENTS_FIELDS[tensor.datatype]: values}
    return InferTensorContents(**fields)
