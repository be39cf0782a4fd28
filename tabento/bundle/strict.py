"""The base classes of the bundle's files: they refuse unknown keys, and do not write unused keys of later formats."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
)

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\"\\]+$")]
Number = Annotated[float, Field(allow_inf_nan=False)]


class Strict(BaseModel):
    """A frozen model that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ExtensibleModel(Strict):
    """A model that got more keys after the format's first version.

    A key of ``later_keys`` is written only if it is set. So a file without these keys is written as in the first version. A
    service that does not know the keys refuses a file with them, because it refuses unknown keys.
    """

    later_keys: ClassVar[tuple[str, ...]] = ()
    """The keys that the first version did not have."""

    def later_keys_used(self) -> tuple[str, ...]:
        """Return the keys of ``later_keys`` whose values differ from the defaults."""
        fields = type(self).model_fields
        return tuple(key for key in self.later_keys if getattr(self, key) != fields[key].default)

    @model_serializer(mode="wrap")
    def _without_unused_keys(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = handler(self)
        used_keys = self.later_keys_used()
        return {key: value for key, value in content.items() if key not in self.later_keys or key in used_keys}
