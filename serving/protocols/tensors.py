"""Tensors of the Open Inference Protocol: names of datatypes, the binary layout, and the values of single elements.

REST and gRPC use the same tensors. The binary layout is the one of the protocol's binary tensor data extension: elements in
row-major order without padding, numbers in little-endian order, a boolean as one byte, and an element of ``BYTES`` as its
length in four bytes followed by its bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from struct import Struct
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from serving.codec.values import NestedValue, NumberText, Value

BYTES = "BYTES"
NUMBER_TYPES: Final[Mapping[str, np.dtype[Any]]] = MappingProxyType(
    {
        "BOOL": np.dtype("?"),
        "INT8": np.dtype("<i1"),
        "INT16": np.dtype("<i2"),
        "INT32": np.dtype("<i4"),
        "INT64": np.dtype("<i8"),
        "UINT8": np.dtype("<u1"),
        "UINT16": np.dtype("<u2"),
        "UINT32": np.dtype("<u4"),
        "UINT64": np.dtype("<u8"),
        "FP16": np.dtype("<f2"),
        "FP32": np.dtype("<f4"),
        "FP64": np.dtype("<f8"),
    }
)
"""The type of each datatype's elements, except for ``BYTES``."""
DATATYPES: Final = (*NUMBER_TYPES, BYTES)

Elements: TypeAlias = NDArray[Any] | list[Any]
"""Elements of one tensor: an array of the datatype's type; or a list, if they are texts or some of them are null."""

_LENGTH = Struct("<I")


class LayoutError(ValueError):
    """Bytes are not elements in the binary layout."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of a request."""

    name: str
    datatype: str
    """One of ``DATATYPES``; any other text is refused when the tensor is decoded."""
    shape: tuple[int, ...]
    data: bytes | Sequence[Any]
    """The elements in row-major order: bytes in the binary layout; or a flat sequence of ``True``, numbers, texts (``str``, or
    ``bytes`` in UTF-8) and ``None`` for a missing value."""


@dataclass(frozen=True, slots=True)
class TensorMetadata:
    """The description of an input or an output of a model."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    """The length of each axis; -1 for the number of rows."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Further facts that the protocol has no field for."""


@dataclass(frozen=True, slots=True)
class OutputTensor:
    """A tensor of an answer."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: Sequence[Any]
    """The elements in row-major order: booleans, integers, floats, or texts."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Further facts that the answer repeats."""

    def binary(self) -> bytes:
        """Return the elements in the binary layout."""
        if self.datatype != BYTES:
            return np.array(self.values, NUMBER_TYPES[self.datatype]).tobytes()
        texts = [text.encode() for text in self.values]
        return b"".join([part for text in texts for part in (_LENGTH.pack(len(text)), text)])


def read_numbers(datatype: str, content: bytes, count: int) -> NDArray[Any]:
    """Return numbers or booleans from the binary layout.

    Args:
        datatype: a key of ``NUMBER_TYPES``.
        content: the bytes.
        count: the number of elements.

    Raises:
        LayoutError: there are more or fewer bytes than the elements have, or a boolean is neither 0 nor 1.
    """
    dtype = NUMBER_TYPES[datatype]
    expected = count * dtype.itemsize
    if len(content) != expected:
        raise LayoutError(f"{expected} bytes for {count} elements of {datatype}", f"{len(content)} bytes")
    if datatype == "BOOL" and content.translate(None, b"\x00\x01"):
        raise LayoutError("bytes of 0 and 1 for BOOL", "another byte")
    return np.frombuffer(content, dtype)


def read_texts(content: bytes, count: int) -> Iterator[bytes]:
    """Yield the elements of ``BYTES`` from the binary layout.

    Args:
        content: the bytes.
        count: the number of elements.

    Raises:
        LayoutError: the lengths do not add up to exactly ``count`` elements.
    """
    position, size = 0, len(content)
    for index in range(count):
        if position + _LENGTH.size > size:
            raise LayoutError(f"{count} elements of BYTES", f"{index} elements in {size} bytes")
        (length,) = _LENGTH.unpack_from(content, position)
        position += _LENGTH.size
        if length > size - position:
            raise LayoutError(
                f"an element of at most {size - position} bytes at index {index}", f"the length {length} before it"
            )
        yield content[position : position + length]
        position += length
    if position != size:
        raise LayoutError(f"{count} elements of BYTES", f"{size - position} bytes after the last one")


def flatten(data: Sequence[Any], shape: tuple[int, ...]) -> list[Any]:
    """Return the elements of JSON data, which is flat or nested as the shape says.

    Args:
        data: the list under the key ``data``.
        shape: the shape of the tensor.

    Raises:
        LayoutError: the data is nested otherwise.
    """
    if not any(isinstance(part, list) for part in data):
        return list(data)
    if len(shape) != 2:
        raise LayoutError(f"flat data for the shape {list(shape)}", "nested lists")
    n_rows, width = shape
    if len(data) != n_rows:
        raise LayoutError(f"{n_rows} lists for the shape {list(shape)}", f"{len(data)}")
    for index, part in enumerate(data):
        if not isinstance(part, list) or len(part) != width:
            got = f"{len(part)} elements" if isinstance(part, list) else "no list"
            raise LayoutError(f"a list of {width} elements at index {index}", got)
    return [value for part in data for value in part]


def typed_array(datatype: str, values: Sequence[Any]) -> NDArray[Any] | None:
    """Return values as an array of a datatype's type, or None if ``element`` must look at each of them.

    Args:
        datatype: a key of ``NUMBER_TYPES``.
        values: booleans, numbers, or anything else.
    """
    dtype, types = NUMBER_TYPES[datatype], set(map(type, values))
    if dtype.kind == "b":
        return np.array(values, dtype) if types == {bool} else None
    if not types <= ({int, float} if dtype.kind == "f" else {int}):
        return None
    try:
        numbers = np.array(values, np.float64 if dtype.kind == "f" else dtype)
    except OverflowError:
        return None
    if dtype.kind != "f":
        return numbers
    # An integer of 2^53 or more may have been rounded.
    if int in types and bool(np.any(np.abs(numbers) >= 2.0**53)):
        return None
    with np.errstate(over="ignore"):
        rounded = numbers.astype(dtype)
    return rounded if bool(np.array_equal(np.isinf(rounded), np.isinf(numbers))) else None


def element(datatype: str, value: object) -> Value:
    """Return one element as JSON would have it: a text, an integer, a float, a boolean, or None.

    A number of a float type is the nearest value of this type, widened to float64: 0.1 of ``FP32`` is 0.10000000149011612, as
    if the client had sent it in the binary layout.

    Raises:
        ValueError: the value is not an element of the datatype.
    """
    if value is None:
        return None
    if datatype == BYTES:
        if isinstance(value, bytes):
            return value.decode()
        if isinstance(value, str):
            return value
        raise ValueError
    kind = NUMBER_TYPES[datatype].kind
    if isinstance(value, bool):
        if kind == "b":
            return value
        raise ValueError
    if kind == "b" or not isinstance(value, int | float):
        raise ValueError
    return _float(datatype, value) if kind == "f" else _integer(datatype, value)


def _integer(datatype: str, value: float) -> int:
    limits = np.iinfo(NUMBER_TYPES[datatype])
    if value % 1 != 0 or not limits.min <= value <= limits.max:
        raise ValueError
    return int(value)


def _float(datatype: str, value: float) -> int | float:
    if datatype == "FP64":
        # An integer stays as it is: the check of the field sees whether float64 has it.
        return value
    try:
        with np.errstate(over="ignore"):
            number = float(np.float64(value).astype(NUMBER_TYPES[datatype]))
    except OverflowError:
        raise ValueError from None
    if math.isinf(number) and not math.isinf(value):
        raise ValueError
    return number


def expected_element(datatype: str) -> str:
    """Return the elements of a datatype as text, for error messages."""
    if datatype == BYTES:
        return "a text in UTF-8 (BYTES)"
    dtype = NUMBER_TYPES[datatype]
    if dtype.kind == "b":
        return "true or false (BOOL)"
    if dtype.kind == "f":
        return f"a number of {datatype}"
    limits = np.iinfo(dtype)
    return f"an integer between {limits.min} and {limits.max} ({datatype})"


def json_value(value: Any) -> Value:
    """Return an element for the checks and messages of the codec, which know JSON's values only.

    Args:
        value: an element of a list or of an array's ``tolist``; or any value of JSON.
    """
    if isinstance(value, float):
        if math.isnan(value):
            return NumberText("NaN")
        if math.isinf(value):
            return NumberText("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, dict | list):
        return NestedValue(isinstance(value, dict), len(value), complete=True)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    assert value is None or isinstance(value, bool | int | float | str)
    return value
