"""The faults of one body, collected up to a limit, and the error message for them."""

from __future__ import annotations

from typing import NoReturn

from serving.errors import DETAILS_LIMIT, Detail, InvalidError
from tabento.bundle.contract import RESERVED_NAME

FOREIGN_KEYS = {
    "dataframe_split": "MLflow's format",
    "dataframe_records": "MLflow's format",
    "inputs": "the format of MLflow and of the Open Inference Protocol",
    "data": "the format of other servers",
}
"""The keys under which other servers accept rows, and the names of these servers."""


def foreign_hint(key: str) -> str:
    """Return the form of this service for rows that other servers accept under a key."""
    return (
        f" The key {key!r} is {FOREIGN_KEYS[key]}; here a body is one object of features,"
        f' or {{"{RESERVED_NAME}": [{{…}}, {{…}}]}} with one object for each row.'
    )


class Faults:
    """The faults of one body."""

    def __init__(self) -> None:
        self.details: list[Detail] = []
        self.kinds: dict[tuple[str, str], int] = {}
        """The number of faults by field and kind, see ``serving.codec.value_kinds``."""
        self.hint = ""
        """A sentence that is appended to the message."""
        self.names_listed = False
        """Whether a fault lists the names of the features."""

    def __len__(self) -> int:
        return len(self.details)

    @property
    def too_many(self) -> bool:
        """Whether there are more faults than an answer lists, so that the rest of the body need not be read."""
        return len(self.details) > DETAILS_LIMIT

    def add(self, row: int | None, field: str | None, expected: str, got: str, kind: str | None = None) -> None:
        """Add a fault; see ``serving.errors.Detail``.

        Args:
            row: the index of the row.
            field: the field's name.
            expected: the accepted values.
            got: the value.
            kind: the kind under which the value is counted, if it belongs to a feature.
        """
        self.details.append(Detail(row, field, expected, got))
        if kind is not None and field is not None:
            key = (field, kind)
            self.kinds[key] = self.kinds.get(key, 0) + 1

    def refuse(self, *, complete: bool) -> NoReturn:
        """Raise the error that lists the faults.

        Args:
            complete: whether all of the body was read; if not, there may be more faults.

        Raises:
            InvalidError: always.
        """
        first = self.details[0]
        where = f"row {first.row}" if first.row is not None else "the body"
        if first.field is not None:
            where = f"{first.field!r} of {where}" if first.row is not None else repr(first.field)
        subject = "1 value is" if len(self) == 1 else f"{len(self)} values are"
        if not complete:
            subject = f"at least {subject}"
        message = f"{subject} wrong; first {where}: expected {first.expected}, got {first.got}.{self.hint}"
        # An error that is a variable here would refer to itself by its traceback, and keep the model until a full collection.
        raise self._error(message)

    def _error(self, message: str) -> InvalidError:
        error = InvalidError(message, self.details)
        error.kinds = self.kinds
        return error
