"""A peer's code for a row, as its users would write it: a pydantic model for the body, a list of floats for ONNX.

Read by the peers inside their own environments, so it does not import Tabento.
"""

from __future__ import annotations

import json
from math import nan
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

MAX_ROWS = 1_000
"""The most rows that a peer takes in one request, as Tabento does."""
UNKNOWN_CODE = -1.0
"""The number of a category that the contract does not list, if the contract accepts it."""


def load_contract(path: Path) -> dict[str, Any]:
    """Return the content of a bundle's ``contract.json``."""
    contract: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return contract


class Row(BaseModel):
    """A request's row; unknown fields are refused, as by Tabento."""

    model_config = ConfigDict(extra="forbid")


class SlimRow(Row):
    """A row that crosses processes as the tuple of its values: a class made at run time cannot be found by its name."""

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (tuple(self.__dict__.values()),)


def row_model(contract: dict[str, Any], base: type[Row] = Row) -> type[BaseModel]:
    """Return the pydantic model of a contract's row: types, ranges and categories.

    Args:
        contract: the content of ``contract.json``.
        base: the base class of the model.
    """
    fields: dict[str, Any] = {}
    for index, feature in enumerate(contract["features"]):
        default = ... if feature["required"] else None
        # Names of columns need not be names of Python.
        fields[f"f{index}"] = (_field_type(feature), Field(default, alias=feature["name"]))
    model: type[BaseModel] = create_model("Row", __base__=base, **fields)
    return model


def _field_type(feature: dict[str, Any]) -> Any:
    kind: Any
    if feature["type"] == "category":
        kind = str if feature["unknown"] == "ignore" else Literal[tuple(feature["categories"])]
    elif feature["type"] == "boolean":
        kind = bool
    else:
        number = int if feature["type"] == "integer" else float
        kind = Annotated[number, Field(ge=feature["minimum"], le=feature["maximum"], allow_inf_nan=False)]
    return kind | None if feature["nullable"] else kind


class RowEncoder:
    """Converts validated rows to the inputs of the ONNX graph.

    Args:
        contract: the content of ``contract.json``.
    """

    def __init__(self, contract: dict[str, Any]) -> None:
        self.names = [feature["name"] for feature in contract["features"]]
        self._codes = [
            (index, {None: nan, **{value: float(code) for code, value in enumerate(feature["categories"])}})
            for index, feature in enumerate(contract["features"])
            if feature["type"] == "category"
        ]

    def values(self, row: BaseModel | tuple[Any, ...]) -> list[Any]:
        """Return a row's numbers in the contract's order, shape (F,); None represents a missing value, as numpy reads it."""
        values = list(row) if isinstance(row, tuple) else list(row.__dict__.values())
        for index, codes in self._codes:
            values[index] = codes.get(values[index], UNKNOWN_CODE)
        return values

    def values_of_json(self, row: dict[str, Any]) -> list[Any]:
        """The same for a row of JSON that was not validated."""
        values = [row[name] for name in self.names]
        for index, codes in self._codes:
            values[index] = codes.get(values[index], UNKNOWN_CODE)
        return values
