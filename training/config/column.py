"""A config's feature: what the contract says of it, and what may be left to the training data."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import model_serializer, model_validator
from pydantic_core.core_schema import SerializerFunctionWrapHandler

from bundle.contract import Feature
from training.config.types import PositiveInt

FROM_DATA: Literal["from_data"] = "from_data"
"""What a config writes in the place of ``categories`` that the training part of the data shall give."""
_STAND_IN = ("\x00",)
"""Categories that stand in while the others are checked; no text of a file equals it."""


class Column(Feature):
    """A feature as a config declares it.

    ``categories: from_data`` leaves the categories to the training part of the data; until they are known,
    ``categories`` is None. ``training.data.resolve`` puts them in.
    """

    min_frequency: PositiveInt | None = None
    """from_data: how many rows of the training part a value needs to become a category; by default 1. Rarer values count
    as unknown."""

    @property
    def is_open(self) -> bool:
        """Whether the categories are still to be taken from the data."""
        return self.type == "category" and self.categories is None

    def feature(self) -> Feature:
        """Return what clients and servers have to know of it.

        Raises:
            ValidationError: its categories are not known yet.
        """
        return Feature.model_validate({name: getattr(self, name) for name in Feature.model_fields})

    def expected(self) -> str:
        """Say in words what the field takes, for error messages."""
        return Feature.expected(self.so_far())

    def so_far(self) -> Column:
        """Return the column with something in the place of categories that are not known yet."""
        return self.model_copy(update={"categories": _STAND_IN}) if self.is_open else self

    def with_categories(self, categories: tuple[str, ...]) -> Column:
        """Return the column with categories that were found in the data."""
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
                " rare or new in the data count as unknown"
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
