"""A config's feature: its contract, with the parts that can be taken from the training data."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import model_serializer, model_validator
from pydantic_core.core_schema import SerializerFunctionWrapHandler

from tabento.bundle.contract import Feature
from training.config.types import PositiveInt

FROM_DATA: Literal["from_data"] = "from_data"
"""The value of ``categories`` that asks for the categories of the training part of the data."""
_STAND_IN = ("\x00",)
"""Placeholder categories for checks before the real ones are known; no text of a file equals them."""


class Column(Feature):
    """A feature as a config declares it.

    ``categories: from_data`` takes the categories from the training part of the data; until they are known,
    ``categories`` is None. ``training.data.resolve`` fills them in.
    """

    min_frequency: PositiveInt | None = None
    """from_data: the number of training rows that a value needs to become a category; by default 1. Rarer values are
    treated as unknown."""

    @property
    def is_open(self) -> bool:
        """Whether the categories are still to be taken from the data."""
        return self.type == "category" and self.categories is None

    def feature(self) -> Feature:
        """Return the feature as the contract has it, for clients and servers.

        Raises:
            ValidationError: its categories are not known yet.
        """
        return Feature.model_validate({name: getattr(self, name) for name in Feature.model_fields})

    def expected(self) -> str:
        """Return a description of the accepted values, for error messages."""
        return Feature.expected(self.so_far())

    def so_far(self) -> Column:
        """Return the column with placeholder categories if its categories are not known yet."""
        return self.model_copy(update={"categories": _STAND_IN}) if self.is_open else self

    def with_categories(self, categories: tuple[str, ...]) -> Column:
        """Return the column with the categories of the data."""
        return self.model_validate({**dict(self), "categories": categories, "min_frequency": None})

    @model_validator(mode="before")
    @classmethod
    def _read_from_data(cls, data: Any) -> Any:
        if isinstance(data, Feature) and not isinstance(data, Column):
            data = dict(data)
        if not isinstance(data, dict):
            return data
        if data.get("categories") != FROM_DATA:
            if data.get("type") == "category" and data.get("categories") is None:
                raise ValueError(
                    f"feature {data.get('name')!r}: a category needs `categories`: a list of its values, or"
                    " `from_data` to take them from the training data"
                )
            if data.get("min_frequency") is not None:
                raise ValueError(f"feature {data.get('name')!r}: `min_frequency` goes with `categories: {FROM_DATA}`")
            return data
        if data.get("type") != "category":
            raise ValueError(
                f"feature {data.get('name')!r}: `categories` goes with `type: category`, not {data.get('type')!r}"
            )
        if data.get("unknown", "ignore") != "ignore":
            raise ValueError(
                f"feature {data.get('name')!r}: `categories: {FROM_DATA}` needs `unknown: ignore`: values that are"
                " rare or new in the data are treated as unknown"
            )
        return {**data, "categories": None, "unknown": "ignore"}

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        Feature._agrees_with_itself(self.so_far())  # type: ignore[operator]
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        if self.is_open and "categories" in data:
            data["categories"] = FROM_DATA
        return data
