"""A config's data: its source, the synthetic rows that replace it if it is not available, and the test part."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from tabento.bundle.contract import Number, Strict
from training.config.types import Expression, PositiveInt, Sha256, Share


class Source(Strict):
    """The address of the real data, which is downloaded if no file is given."""

    url: Annotated[str, StringConstraints(pattern=r"^(https?|kaggle)://")]
    """The address of a CSV file, or of a .tgz or .zip archive that holds exactly one; or ``kaggle://owner/dataset/file.csv``."""
    sha256: Sha256
    """The checksum of the downloaded file (for Kaggle that of the CSV file): many copies of well-known data sets are altered."""
    licence: str = ""
    """The terms of use of the data, for the cards."""
    citation: str = ""
    """Who collected the data, for the cards."""


class Draw(Strict):
    """One synthetic column: a distribution whose parameters are numbers or expressions over earlier columns.

    Expressions follow ``pandas.DataFrame.eval``. Columns whose name starts with an underscore are latent: later columns can
    use them, but the data set does not contain them.
    """

    name: str
    """The column's name."""
    draw: Literal["normal", "lognormal", "uniform", "gamma", "poisson", "bernoulli", "choice", "expression"]
    """The distribution, or ``expression`` for a column that is computed from earlier columns."""
    value: Expression | None = None
    """expression: the value."""
    mean: float | Expression | None = None
    """normal, poisson: the mean. lognormal: the mean of the logarithm. gamma: the mean."""
    sd: float | Expression | None = None
    """normal: the standard deviation. lognormal: the standard deviation of the logarithm."""
    shape: float | Expression | None = None
    """gamma: the shape; the scale is mean / shape."""
    low: float | Expression | None = None
    """uniform: the lower end."""
    high: float | Expression | None = None
    """uniform: the upper end."""
    p: float | Expression | None = None
    """bernoulli: the probability of 1."""
    values: dict[str, float] | None = None
    """choice: the values with their weights."""
    where: dict[str, Expression] | None = None
    """expression: strings by condition; the first condition that is true gives the value, the last is ``"True"``."""
    clip: tuple[float, float] | None = None
    """The lower and the upper limit to which a value is clipped."""
    decimals: Annotated[int, Field(ge=-6, le=12)] | None = None
    """The number of decimals to which a value is rounded."""
    missing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The share of values that are removed at random."""

    @model_validator(mode="after")
    def _has_its_parameters(self) -> Self:
        needed = {
            "normal": ("mean", "sd"),
            "lognormal": ("mean", "sd"),
            "uniform": ("low", "high"),
            "gamma": ("mean", "shape"),
            "poisson": ("mean",),
            "bernoulli": ("p",),
            "choice": ("values",),
        }.get(self.draw)
        given_keys = {
            key
            for key in ("value", "mean", "sd", "shape", "low", "high", "p", "values", "where")
            if getattr(self, key) is not None
        }
        if needed is None:
            if given_keys not in ({"value"}, {"where"}):
                raise ValueError(
                    f"column {self.name!r}: an expression takes either `value` or `where`, got {sorted(given_keys)}"
                )
        elif given_keys != set(needed):
            raise ValueError(f"column {self.name!r}: {self.draw} takes {list(needed)}, got {sorted(given_keys)}")
        if self.values is not None and (
            not self.values or min(self.values.values()) < 0 or sum(self.values.values()) <= 0
        ):
            raise ValueError(f"column {self.name!r}: the weights of `values` must not be negative and not all zero")
        return self


class Synthetic(Strict):
    """A generator of data of the same schema with plausible relations, for trying things out."""

    rows: PositiveInt
    """The number of generated rows."""
    seed: int = 42
    """The seed; the same seed gives the same rows."""
    columns: Annotated[tuple[Draw, ...], Field(min_length=1)]
    """The columns in the order in which they are generated."""


class Stratify(Strict):
    """Bins of a numeric column in which both parts of the split get equal shares."""

    column: str
    edges: Annotated[tuple[Number, ...], Field(min_length=1)]
    """Ascending inner edges; bin i holds edge i-1 < x <= edge i."""

    @model_validator(mode="after")
    def _ascends(self) -> Self:
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError(f"`edges` must ascend, got {list(self.edges)}")
        return self


class Split(Strict):
    """The division of the rows into a training part and a test part, before anything is fitted."""

    test_size: Share = 0.2
    seed: int = 42
    stratify: Stratify | None = None
    null_rate_p_value: Annotated[float, Field(gt=0, lt=1)] = 1e-4
    """The run stops if the shares of missing values of a column differ between the two parts with a smaller p-value
    (two-sided Fisher exact test, Bonferroni-corrected over the columns)."""
