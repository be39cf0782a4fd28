"""From tensors of the Open Inference Protocol to rows of the contract.

A request has one tensor for each feature, of shape [N] or [N, 1], or one packed tensor of shape [N, F] with the features in
the contract's order. A value is null if it is NaN in a tensor of floats, ``null`` in JSON data, or an empty text of ``BYTES``,
which have no other null; a feature that accepts empty texts keeps them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from serving.codec.careful import CarefulDecoder
from serving.codec.faults import Faults
from serving.codec.fields import Field
from serving.codec.rows import Rows
from serving.codec.slices import Steps, WorkMeter, run_steps
from serving.codec.values import Value, show, show_name
from serving.protocols.columns import BLOCK_ROWS, ColumnDecoder
from serving.protocols.tensors import (
    BYTES,
    DATATYPES,
    NUMBER_TYPES,
    Elements,
    LayoutError,
    Tensor,
    TensorMetadata,
    element,
    expected_element,
    json_value,
    read_numbers,
    read_texts,
    typed_array,
)
from tabento.bundle.contract import Contract, Feature, Identifier

_NUMBER_UNITS = 2
_ELEMENT_UNITS = 50
_INPUT_TYPES = {"number": "FP64", "integer": "INT64", "boolean": "BOOL"}


def feature_datatype(feature: Feature) -> str:
    """Return the datatype of a feature in the model's metadata; others are accepted as well.

    Only floats have a value for null, so that a number that may be null is declared as ``FP64``.
    """
    if feature.nullable and feature.numeric:
        return "FP64"
    return _INPUT_TYPES.get(feature.type, BYTES)


def input_metadata(contract: Contract) -> list[TensorMetadata]:
    """Return the inputs of a model: one tensor for each feature and each identifier."""
    features = [TensorMetadata(feature.name, feature_datatype(feature), (-1, 1)) for feature in contract.features]
    return features + [TensorMetadata(identifier.name, BYTES, (-1, 1)) for identifier in contract.identifiers]


class TensorDecoder:
    """Decodes tensors for one contract.

    Args:
        contract: the contract by which requests are checked.
        careful: the decoder of its JSON requests, whose policies, checks, limits and packing are used.
    """

    def __init__(self, contract: Contract, careful: CarefulDecoder) -> None:
        self.contract = contract
        self.careful = careful
        self.columns = ColumnDecoder(contract, careful)
        self.features = {feature.name: feature for feature in contract.features}
        self.identifiers = {identifier.name: identifier for identifier in contract.identifiers}
        self.text_features = [
            feature for feature in contract.features if feature.type in ("category", "timestamp", "text")
        ]
        accepting = {feature.name for feature in contract.features if Field(feature).check("") is not None}
        self.null_if_empty = self.columns.nullable - accepting
        """The fields for which an empty text is null, since they accept null and no empty text."""

    def decode(self, tensors: Sequence[Tensor]) -> Rows:
        """Return the rows of a request's tensors.

        Args:
            tensors: the inputs of the request.

        Raises:
            InvalidError: the tensors are not rows of the contract, or have too many; the faults are listed.
        """
        return run_steps(self.steps(tensors))

    def steps(self, tensors: Sequence[Tensor], meter: WorkMeter | None = None) -> Steps[Rows]:
        """Decode a request's tensors, and yield between slices of work; see ``decode``."""
        return (yield from _Reading(self, tensors, meter or WorkMeter()).rows())


class _Reading:
    """The tensors of one request that are being read."""

    def __init__(self, decoder: TensorDecoder, tensors: Sequence[Tensor], meter: WorkMeter) -> None:
        self._decoder = decoder
        self._tensors = tensors
        self._meter = meter
        self._faults = Faults()
        self._n_rows = 0

    def rows(self) -> Steps[Rows]:
        """Return the rows, or raise their faults."""
        packed, columns = self._frame()
        self._refuse_faults()
        read: dict[str, Elements] = {}
        for tensor in columns:
            read[tensor.name] = yield from self._elements(tensor, [tensor.name])
        if packed is not None:
            names = self._decoder.contract.feature_names
            elements = yield from self._elements(packed, names)
            for index, name in enumerate(names):
                read[name] = elements[index :: len(names)]
        self._refuse_faults()
        return (yield from self._decoder.columns.steps(read, self._n_rows, self._meter))

    def _refuse_faults(self) -> None:
        if self._faults:
            self._faults.refuse(complete=not self._faults.too_many)

    # The frame: names, datatypes, shapes.

    def _frame(self) -> tuple[Tensor | None, list[Tensor]]:
        """Check names, datatypes and shapes. Returns the packed tensor, if there is one, and the tensors of single fields."""
        decoder, faults = self._decoder, self._faults
        tensor_of_field: dict[str, Tensor] = {}
        unknown: list[Tensor] = []
        for tensor in self._tensors:
            if tensor.name in tensor_of_field:
                faults.add(None, tensor.name, "one tensor of this name", "another one")
            elif tensor.name in decoder.features or tensor.name in decoder.identifiers:
                tensor_of_field[tensor.name] = tensor
            else:
                unknown.append(tensor)
            if faults.too_many:
                return None, []
        packed = None
        if len(unknown) == 1 and not tensor_of_field.keys() & decoder.features.keys():
            packed = unknown.pop()
            self._check_packed(packed)
        for tensor in unknown:
            if not decoder.careful.fields.ignore_unknown:
                faults.add(
                    None, show_name(tensor.name), decoder.careful.fields.unknown_name(faults), _show_shape(tensor)
                )
            if faults.too_many:
                return None, []
        for tensor in tensor_of_field.values():
            if len(tensor.shape) not in (1, 2) or (len(tensor.shape) == 2 and tensor.shape[1] != 1):
                faults.add(None, tensor.name, "a tensor of shape [N] or [N, 1]", _show_shape(tensor))
            else:
                self._check_rows(tensor)
            if faults.too_many:
                return None, []
        self._check_missing(tensor_of_field, packed)
        return packed, list(tensor_of_field.values())

    def _check_packed(self, tensor: Tensor) -> None:
        features = self._decoder.contract.features
        texts, width = self._decoder.text_features, len(features)
        expected = (
            f"one tensor for each feature, or one of shape [N, {width}] with the features in the contract's order"
        )
        if len(tensor.shape) != 2 or tensor.shape[1] != width:
            self._faults.add(None, show_name(tensor.name), expected, _show_shape(tensor))
        elif tensor.datatype != BYTES and texts:
            self._faults.add(
                None,
                show_name(tensor.name),
                f"one tensor for each feature, as {texts[0].name!r} is a {texts[0].type}",
                _show_shape(tensor),
            )
        else:
            self._check_rows(tensor)

    def _check_rows(self, tensor: Tensor) -> None:
        """Check the datatype of a tensor and its number of rows."""
        faults, name, n_rows = self._faults, show_name(tensor.name), tensor.shape[0]
        max_rows = self._decoder.careful.max_rows
        if tensor.datatype not in DATATYPES:
            faults.add(None, name, f"one of the datatypes {', '.join(DATATYPES)}", show(tensor.datatype))
        elif not 1 <= n_rows <= max_rows:
            remedy = "; send several requests" if n_rows > max_rows else ""
            faults.add(None, name, f"a tensor of 1 to {max_rows} rows", f"{_show_shape(tensor)}{remedy}")
        elif self._n_rows and n_rows != self._n_rows:
            faults.add(None, name, f"{self._n_rows} rows as in the tensor before", _show_shape(tensor))
        else:
            self._n_rows = n_rows

    def _check_missing(self, tensor_of_field: dict[str, Tensor], packed: Tensor | None) -> None:
        """Name the required fields for which there is no tensor."""
        if not self._tensors:
            self._faults.add(None, None, "a tensor for each feature", "no tensor")
            return
        contract = self._decoder.contract
        fields: list[Feature | Identifier] = (
            [*contract.identifiers]
            if packed
            else [
                *contract.features,
                *contract.identifiers,
            ]
        )
        for field in fields:
            if not field.required or field.name in tensor_of_field:
                continue
            self._faults.add(None, field.name, field.expected(), "nothing: there is no tensor of this name")
            if self._faults.too_many:
                return
        if not tensor_of_field and packed is None and not self._faults:
            self._faults.add(None, None, "a tensor for each feature", "none of a feature")

    # The elements of a tensor.

    def _elements(self, tensor: Tensor, names: Sequence[str]) -> Steps[Elements]:
        """Return the elements of a tensor, checked against its datatype.

        Args:
            tensor: has as many elements in a row as there are names.
            names: the fields of a row.
        """
        datatype, data, width = tensor.datatype, tensor.data, len(names)
        count = self._n_rows * width
        elements: Elements
        try:
            if not isinstance(data, bytes):
                if len(data) != count:
                    raise LayoutError(f"{count} elements for the shape {list(tensor.shape)}", f"{len(data)}")
                array = None if datatype == BYTES else typed_array(datatype, data)
                if self._meter.spend(_NUMBER_UNITS * count):
                    yield
                elements = (yield from self._read_each(datatype, data, names)) if array is None else array
            elif datatype in NUMBER_TYPES:
                elements = read_numbers(datatype, data, count)
            else:
                elements = yield from self._read_each(datatype, read_texts(data, count), names)
        except LayoutError as error:
            expected, got = error.args
            self._faults.add(None, show_name(tensor.name), expected, got)
            return []
        if datatype == BYTES and (empty := self._decoder.null_if_empty.intersection(names)):
            assert isinstance(elements, list)
            for index, text in enumerate(elements):
                if not text and names[index % width] in empty:
                    elements[index] = None
        return elements

    def _read_each(self, datatype: str, values: Iterable[Any], names: Sequence[str]) -> Steps[list[Value]]:
        """Read element after element, and name those that the datatype does not have."""
        elements: list[Value] = []
        faults, width, expected = self._faults, len(names), expected_element(datatype)
        message_values = self._decoder.careful.fields.message_values
        for index, value in enumerate(values):
            try:
                elements.append(element(datatype, value))
            except ValueError:
                name = names[index % width]
                faults.add(index // width, name, expected, message_values.show(name, json_value(value)))
                elements.append(None)
                if faults.too_many:
                    faults.refuse(complete=False)
            if not index % BLOCK_ROWS and self._meter.spend(_ELEMENT_UNITS * BLOCK_ROWS):
                yield
        return elements


def _show_shape(tensor: Tensor) -> str:
    """Return the shape of a tensor for an error message."""
    axes = [str(length) if abs(length) < 1 << 63 else "…" for length in tensor.shape[:8]]
    return f"the shape [{', '.join(axes)}{', …' if len(tensor.shape) > 8 else ''}]"
