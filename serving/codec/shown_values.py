"""The values of a request as error messages show them: private ones are replaced by their kind."""

from __future__ import annotations

from collections.abc import Iterable

from monitoring.privacy import MASK, Privacy, private_name
from serving.codec.values import LongText, NestedValue, NumberText, Value, show
from tabento.bundle.contract import Contract

_KINDS: dict[type, str] = {bool: "boolean", int: "number", float: "number", NumberText: "number", LongText: "text"}


def show_kind(value: Value) -> str:
    """Return the kind of a value, without its content: ``a private text``. Null and the length of a list are shown."""
    if value is None or isinstance(value, NestedValue):
        return show(value)
    return MASK.replace("value", _KINDS.get(type(value), "text"))


class ShownValues:
    """Shows the values of one contract's requests.

    Args:
        contract: the contract of the model.
        privacy: the treatment of its fields; None if no field is private.
        names: further names of private fields, which the contract does not have.
    """

    def __init__(self, contract: Contract, privacy: Privacy | None = None, names: Iterable[str] = ()) -> None:
        self._private = frozenset() if privacy is None else frozenset(privacy.private)
        self._known = frozenset(contract.field_names)
        self._names = frozenset(map(private_name, names))

    def show(self, field: str | None, value: Value) -> str:
        """Return a wrong value for an error message.

        If the contract has private fields, the value of an unknown field is private too: its name can be a private field's with a
        typing error.

        Args:
            field: the name under which the value was sent; None if it has no name.
            value: the value.
        """
        if field in self._known:
            is_private = field in self._private
        else:
            is_private = bool(self._private) or (field is not None and private_name(field) in self._names)
        return show_kind(value) if is_private else show(value)
