"""Random small tables: columns of many kinds, with a target of any kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from benchmarks.fuzz_export.draw import Draw

Role = Literal["number", "category", "text"]
TargetKind = Literal["regression", "binary", "multiclass", "outputs", "labels", "outliers"]
ROWS_MIN, ROWS_MAX = 60, 150
COLUMNS_MAX = 7
MISSING = 0.12
ODD_NAMES = (
    "instances",
    "a b",
    "Größe",
    "x.y",
    "年齢",
    "0",
    "per cent %",
    "rows",
    "prediction",
    "a/b",
    "class",
    "features",
)
NUMBER_KINDS = {
    "float": 5.0,
    "decimal": 3.0,
    "integer": 3.0,
    "skewed": 2.0,
    "missing": 3.0,
    "missing decimal": 1.0,
    "missing integer": 1.0,
    "boolean": 1.0,
    "flag": 1.0,
    "constant": 0.4,
    "big": 1.0,
    "tiny": 0.5,
    "float32": 0.4,
    "small integer": 0.5,
}
CATEGORY_KINDS = {
    "text": 5.0,
    "rare": 2.0,
    "missing as None": 2.0,
    "missing as NaN": 1.5,
    "pandas category": 1.5,
    "text of digits": 0.5,
    "yes and no": 1.0,
    "constant text": 0.2,
}
TARGET_KINDS: dict[TargetKind, float] = {
    "regression": 5.0,
    "binary": 4.0,
    "multiclass": 3.0,
    "outputs": 0.8,
    "labels": 0.4,
    "outliers": 0.4,
}
WORDS = ("red", "green", "blue", "dark red", "Größe", "a,b", "x y", "n/a?", "Z", "", "über", "yes")


@dataclass
class Table:
    """Rows and their target."""

    frame: pd.DataFrame
    roles: dict[str, Role]
    """The kind of each column."""
    missing: set[str]
    """The columns with missing values."""
    positive: set[str]
    """The columns whose values are all above 0."""
    target: Any
    """The target array; None for outlier detectors."""
    target_kind: TargetKind
    header: bool = True
    """Whether the pipeline is fitted on a DataFrame. If not, on its array."""
    kinds: dict[str, str] = field(default_factory=dict)

    @property
    def numbers(self) -> list[str]:
        """The columns of numbers and booleans."""
        return [name for name, role in self.roles.items() if role == "number"]

    @property
    def categories(self) -> list[str]:
        """The columns of texts."""
        return [name for name, role in self.roles.items() if role == "category"]

    @property
    def data(self) -> Any:
        """The rows of the fit."""
        return self.frame if self.header else self.frame.to_numpy()


def draw_table(draw: Draw) -> Table:
    """Return a random table."""
    rows = draw.between(ROWS_MIN, ROWS_MAX)
    numeric_only = draw.chance(0.3)
    numbers = draw.between(1 if not numeric_only else 2, COLUMNS_MAX - 2)
    categories = 0 if numeric_only else draw.between(0, 3)
    names = _names(draw, numbers + categories)
    columns: dict[str, Any] = {}
    kinds: dict[str, str] = {}
    roles: dict[str, Role] = {}
    score = np.zeros(rows)
    for position, name in enumerate(names):
        is_number = position < numbers
        kinds[name] = draw.weighted(NUMBER_KINDS if is_number else CATEGORY_KINDS)
        roles[name] = "number" if is_number else "category"
        values, effect = (_numbers if is_number else _categories)(draw, kinds[name], rows)
        columns[name] = values
        score += effect * draw.rng.normal()
    order = [names[position] for position in draw.rng.permutation(len(names))]
    frame = pd.DataFrame({name: columns[name] for name in order})
    kind = draw.weighted(TARGET_KINDS)
    missing = {name for name in order if frame[name].isna().any()}
    positive = {name for name in order if kinds[name] in ("skewed", "big")}
    header = bool(categories) or draw.chance(0.92)
    roles = {name: roles[name] for name in order}
    target = _target(draw, kind, score + draw.rng.normal(0, 0.4, rows))
    return Table(frame, roles, missing, positive, target, kind, header, kinds)


def _names(draw: Draw, count: int) -> list[str]:
    names = [f"c{position}" for position in range(count)]
    if draw.chance(0.25):
        names[draw.between(0, count - 1)] = draw.pick(ODD_NAMES)
    return names


def _numbers(draw: Draw, kind: str, rows: int) -> tuple[Any, Any]:
    """Return a column and its effect on the target, float64 of shape (rows,)."""
    plain = draw.rng.normal(draw.rng.normal() * 3, np.exp(draw.rng.normal()), rows)
    effect = (plain - plain.mean()) / (plain.std() or 1.0)
    holes = draw.rng.random(rows) < MISSING
    match kind:
        case "decimal":
            return np.round(plain, 1), effect
        case "integer":
            return np.round(plain * 5).astype(np.int64), effect
        case "small integer":
            return np.round(effect).astype(np.int8), effect
        case "skewed":
            return np.exp(np.clip(plain, -5, 5)), effect
        case "missing":
            return np.where(holes, np.nan, plain), effect
        case "missing decimal":
            return np.where(holes, np.nan, np.round(plain, 1)), effect
        case "missing integer":
            return np.where(holes, np.nan, np.round(plain * 2)), effect
        case "boolean":
            return effect > 0, np.sign(effect)
        case "flag":
            return (effect > 0.5).astype(np.int64), np.sign(effect)
        case "constant":
            return np.full(rows, draw.pick([0.0, 1.0, 3.7])), np.zeros(rows)
        case "big":
            return np.round(1.6e9 + effect * 1e7), effect
        case "tiny":
            return plain * 1e-12, effect
        case "float32":
            return plain.astype(np.float32), effect
        case _:
            return plain, effect


def _categories(draw: Draw, kind: str, rows: int) -> tuple[Any, Any]:
    count = 2 if kind == "yes and no" else 1 if kind == "constant text" else draw.between(2, 5)
    if kind == "rare":
        count = 9
    words: list[str] = ["no", "yes"] if kind == "yes and no" else [str(word) for word in draw.rng.permutation(WORDS)]
    if kind == "text of digits":
        words = ["1", "2", "3", "10", "20"]
    words = [word for word in words if word or draw.chance(0.3)][:count]
    shares = np.arange(1, len(words) + 1) ** (-2.0 if kind == "rare" else -0.3)
    positions = draw.rng.choice(len(words), rows, p=shares / shares.sum())
    texts = np.array(words, dtype=object)[positions]
    effect = draw.rng.normal(size=len(words))[positions]
    if kind in ("missing as None", "missing as NaN"):
        texts[draw.rng.random(rows) < MISSING] = None if kind == "missing as None" else np.nan
        return pd.Series(texts, dtype=object), effect
    if kind == "pandas category":
        return pd.Series(texts).astype("category"), effect
    # Object, or the type that pandas uses for texts today.
    return (pd.Series(texts, dtype=object) if draw.chance(0.5) else pd.Series(texts.tolist())), effect


def _target(draw: Draw, kind: TargetKind, score: Any) -> Any:
    match kind:
        case "regression":
            scale = draw.pick([1.0, 1000.0, 0.01])
            form = draw.pick(["plain", "positive", "integer", "unit"])
            if form == "positive":
                return np.exp(score / (np.abs(score).max() or 1.0)) * scale
            if form == "integer":
                return np.round(np.exp(score / 3)).astype(np.int64)
            if form == "unit":
                return 1 / (1 + np.exp(-score))
            return score * scale
        case "binary":
            truth = score > np.quantile(score, draw.pick([0.3, 0.5, 0.7]))
            return draw.pick(
                [truth, truth.astype(np.int64), np.where(truth, "yes", "no"), np.where(truth, 1, -1), truth * 1.0]
            )
        case "multiclass":
            count = draw.between(3, 5)
            classes = np.digitize(score, np.quantile(score, np.arange(1, count) / count))
            return draw.pick([classes, classes * 2 - 3, np.array(["low", "mid", "high", "Über", "top"])[classes]])
        case "outputs":
            return np.column_stack([score, -score + draw.rng.normal(0, 1, len(score))])
        case "labels":
            return np.column_stack([score > 0, score > draw.rng.normal(0, 1, len(score))]).astype(np.int64)
        case _:
            return None
