"""A bound on the parts of a message, checked before it is parsed.

An empty part takes two bytes in a message and some hundred in memory, so a message of 4 MB could hold two million of them, and
parsing it would hold up the event loop for a tenth of a second. A long message is therefore scanned first: the
fields of the message itself, and of each input. The wire format is that of Protocol Buffers
(https://protobuf.dev/programming-guides/encoding/).
"""

from __future__ import annotations

from serving.errors import MalformedError

SCANNED_BYTES = 64 * 1024
"""A shorter message is not scanned: it cannot hold many parts."""
INPUTS_FIELD = 5
"""The number of the field ``inputs`` of ``ModelInferRequest``."""
NAME_FIELD, VERSION_FIELD = 1, 2
"""The numbers of the fields ``model_name`` and ``model_version``."""
NAMES_FIELDS = 1_000
"""The number of fields in which the names of a long message must be. Clients write the fields by number: the names are the first."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def check_parts(message: bytes, limit: int) -> None:
    """Check that a message has few enough parts to be parsed on the event loop.

    Args:
        message: a ``ModelInferRequest`` on the wire.
        limit: the largest number of fields of the message and of its inputs together.

    Raises:
        MalformedError: it has more, or is not a message.
    """
    if len(message) <= SCANNED_BYTES:
        return
    n_parts = 0
    try:
        ranges = [(0, len(message), True)]
        while ranges:
            position, end, is_top = ranges.pop()
            while position < end:
                n_parts += 1
                if n_parts > limit:
                    raise MalformedError(f"Expected a message of at most {limit} fields, got more.")
                key, position = _read_varint(message, position)
                kind = key & 7
                if kind == _BYTES:
                    length, position = _read_varint(message, position)
                    if is_top and key >> 3 == INPUTS_FIELD:
                        ranges.append((position, position + length, False))
                    position += length
                elif kind == _VARINT:
                    _, position = _read_varint(message, position)
                elif kind in (_FIXED64, _FIXED32):
                    position += 8 if kind == _FIXED64 else 4
                else:
                    raise not_a_message()
    except IndexError:
        raise not_a_message() from None


def model_names(message: bytes) -> tuple[str, str]:
    """Return the names of the model and of its version in a message, before it is parsed; empty if they are not before the inputs.

    Args:
        message: a ``ModelInferRequest`` on the wire.

    Raises:
        MalformedError: it is not a message.
    """
    names = {NAME_FIELD: b"", VERSION_FIELD: b""}
    position = n_fields = 0
    try:
        while position < len(message) and n_fields < NAMES_FIELDS:
            n_fields += 1
            key, position = _read_varint(message, position)
            field, kind = key >> 3, key & 7
            if field >= INPUTS_FIELD:
                break
            if kind == _BYTES:
                length, position = _read_varint(message, position)
                if field in names:
                    names[field] = message[position : position + length]
                position += length
                if position > len(message):
                    raise not_a_message()
            elif kind == _VARINT:
                _, position = _read_varint(message, position)
            elif kind in (_FIXED64, _FIXED32):
                position += 8 if kind == _FIXED64 else 4
            else:
                raise not_a_message()
        return names[NAME_FIELD].decode(), names[VERSION_FIELD].decode()
    except (IndexError, UnicodeDecodeError):
        raise not_a_message() from None


def not_a_message(name: str = "ModelInferRequest") -> MalformedError:
    """Return the error for bytes that are not a message of this name."""
    return MalformedError(f"Expected a {name}, got bytes that are not a message of Protocol Buffers.")


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    """Return a number of the wire format, and the position after it.

    Raises:
        IndexError: the message ends within the number.
        MalformedError: the number has more than ten bytes.
    """
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise not_a_message()
