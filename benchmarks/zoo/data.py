"""The zoo's table: synthetic shipments with the values on which a careless conversion fails.

Numbers are between 1e-7 and 1.7e9. Some columns are heavily skewed, two have missing values, one is a count, one is a
boolean. Texts are not all ASCII, one is empty, some are missing, some are rare. All targets depend on the same columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.bundle.contract import Contract, Feature, Output

Task = Literal["regression", "binary", "classes", "grades", "outputs"]
"""A number, true or false, one of three texts, one of three integers, or two numbers."""

ROWS = 12_000
SEED = 2026
FIT_ROWS = 2_000
"""The number of first rows, on which pipelines are fitted; the proof uses the other rows."""
SLACK = 0.1
"""The margin of a contract's range outside the table's values, as a share of their span."""

COMPLETE = ("distance_km", "weight_kg", "volume_m3", "shock", "latitude", "longitude", "booked_at")
"""Numbers without missing values."""
HOLED = ("declared_value", "temperature_c")
"""Numbers with missing values."""
COUNT, FLAG = "parcels", "insured"
"""An integer and a boolean."""
PLAIN = (*COMPLETE, COUNT, FLAG)
"""All columns of numbers without missing values."""
NUMBERS = (*COMPLETE, *HOLED, COUNT, FLAG)
"""All columns of numbers."""
CARRIERS = ("Post", "Blue Line", "Łódź Cargo", "Ångström Fracht", "北方速运", "São Bento")
GOODS = ("", "books", "food", "glass", "machinery", "art")
"""The empty text is a category of its own, in addition to missing values."""
ZONES = tuple(f"Z{number:02d}" for number in range(1, 13))
TEXTS = ("carrier", "goods", "zone")
"""The columns of texts; ``goods`` has missing values."""
ALL = (*NUMBERS, *TEXTS)

GOODS_MISSING = 0.07
VALUE_MISSING = 0.08
TEMPERATURE_MISSING = 0.05
SERVICES = ("express", "günstig", "standard")
"""The labels of the task ``classes``, in scikit-learn's order."""


@dataclass(frozen=True)
class Table:
    """Rows and their targets."""

    frame: pd.DataFrame
    """N rows, a column for each name of ``ALL``."""
    targets: dict[Task, NDArray[Any]]
    """An array of shape (N,) for each task; (N, 2) for ``outputs``."""


@cache
def shipments(rows: int = ROWS, seed: int = SEED) -> Table:
    """Return the table; the same rows and seed give the same values. The caller must not change it.

    Raises:
        ValueError: there are fewer rows than zones, and every zone must occur.
    """
    if rows < len(ZONES):
        raise ValueError(f"expected at least {len(ZONES)} rows, one for each zone, got {rows}")
    draw = np.random.default_rng(seed)
    distance = np.round(draw.lognormal(5.0, 1.1, rows), 1) + 0.1
    weight = np.round(draw.lognormal(1.0, 2.0, rows), 3) + 0.001
    frame = pd.DataFrame(
        {
            "distance_km": distance,
            "weight_kg": weight,
            "volume_m3": weight * draw.lognormal(0.0, 0.6, rows) / 250.0,
            "shock": draw.exponential(3e-6, rows) + 1e-7,
            "latitude": draw.uniform(35.0, 70.0, rows),
            "longitude": draw.uniform(-10.0, 40.0, rows),
            "booked_at": np.round(draw.uniform(1.70e9, 1.73e9, rows), 3),
            "declared_value": _with_missing(draw, np.round(draw.lognormal(6.0, 1.6, rows), 2), VALUE_MISSING),
            "temperature_c": _with_missing(draw, np.round(draw.normal(12.0, 9.0, rows), 1), TEMPERATURE_MISSING),
            "parcels": 1 + draw.poisson(3.0, rows),
            "insured": draw.random(rows) < 0.4,
            "carrier": _texts(draw, CARRIERS, rows, 0.6),
            "goods": _texts(draw, GOODS, rows, 0.7),
            "zone": _texts(draw, ZONES, rows, 0.65),
        }
    )
    missing = draw.random(rows) < GOODS_MISSING
    missing[: len(GOODS)] = False
    frame["goods"] = frame["goods"].where(~missing, None).astype(object)
    return Table(frame, _targets(draw, frame))


def _with_missing(draw: np.random.Generator, values: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    return np.where(draw.random(len(values)) < share, np.nan, values)


def _texts(draw: np.random.Generator, values: tuple[str, ...], rows: int, decay: float) -> pd.Series[str]:
    """Draw texts, each rarer than the previous one; the first rows contain each text once."""
    weights = decay ** np.arange(len(values))
    indices = draw.choice(len(values), rows, p=weights / weights.sum())
    indices[: len(values)] = np.arange(len(values))
    return pd.Series(np.array(values, dtype=object)[indices], dtype=object)


def _targets(draw: np.random.Generator, frame: pd.DataFrame) -> dict[Task, NDArray[Any]]:
    """Return targets that depend on every column, smoothly or in steps."""
    count = len(frame)
    carrier = frame["carrier"].map({name: index for index, name in enumerate(CARRIERS)}).to_numpy(dtype=np.float64)
    zone = frame["zone"].map({name: index for index, name in enumerate(ZONES)}).to_numpy(dtype=np.float64)
    fragile = frame["goods"].isin(["glass", "art"]).to_numpy(dtype=np.float64)
    season = np.sin((frame["booked_at"].to_numpy() - 1.70e9) / 3e7 * 2 * np.pi)
    effort = (
        0.35 * np.log(frame["distance_km"].to_numpy())
        + 0.25 * np.log1p(frame["weight_kg"].to_numpy())
        + 0.1 * frame["parcels"].to_numpy()
        + 0.05 * np.log1p(frame["declared_value"].fillna(0.0).to_numpy())
        + 0.2 * (frame["temperature_c"].fillna(12.0).to_numpy() > 20.0)
        + 0.3 * fragile
        + 0.15 * (carrier % 3)
        + 0.04 * zone
        + 0.2 * season
        + 0.01 * np.abs(frame["latitude"].to_numpy() - 50.0)
    )
    cost = np.round(np.exp(effort + draw.normal(0.0, 0.1, count)), 2)
    hours = 10.0 + 8.0 * effort + 2e5 * frame["shock"].to_numpy() + draw.normal(0.0, 1.0, count)
    late = hours + 3.0 * frame["insured"].to_numpy() + draw.normal(0.0, 3.0, count)
    grades = np.digitize(late, np.quantile(late, [0.4, 0.75]))
    return {
        "regression": cost,
        "binary": late > np.quantile(late, 0.7),
        "classes": np.array(SERVICES, dtype=object)[grades],
        "grades": grades.astype(np.int64),
        "outputs": np.column_stack([cost, hours]),
    }


def contract_of(frame: pd.DataFrame, output: Output, name: str = "zoo", *, unknown: bool = False) -> Contract:
    """Return the contract of a table.

    A number's range is the range of the table plus a tenth of the span on either side. A column without negative values
    gets a range without them, and a column above zero a range above zero, as for weights and measures.

    Args:
        frame: booleans, integers, floats and texts; a column with missing values is nullable.
        output: the output of the contract.
        name: the model's name.
        unknown: whether texts outside the table are accepted.
    """
    features = []
    for column in frame.columns:
        values = frame[column]
        fields: dict[str, Any] = {"name": str(column), "nullable": bool(values.isna().any())}
        if values.dtype == bool:
            fields["type"] = "boolean"
        elif pd.api.types.is_numeric_dtype(values):
            is_integer = pd.api.types.is_integer_dtype(values)
            low, high = _range(values.to_numpy(dtype=np.float64))
            fields |= {"type": "integer" if is_integer else "number"}
            fields |= {"minimum": float(np.floor(low)) if is_integer else low}
            fields |= {"maximum": float(np.ceil(high)) if is_integer else high}
        else:
            fields |= {"type": "category", "categories": tuple(dict.fromkeys(values.dropna()))}
            fields |= {"unknown": "ignore" if unknown else "refuse"}
        features.append(Feature(**fields))
    return Contract(
        name=name,
        title="A pipeline of the zoo",
        description="A made-up model, for comparing an exported graph with its pipeline.",
        task="regression" if output.classes is None else "classification",
        features=tuple(features),
        output=output,
    )


def _range(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    slack = SLACK * (high - low)
    return (max(low - slack, low / 2) if low >= 0 else low - slack), high + slack
