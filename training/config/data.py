"""A config's data: where it comes from, how it is made up where it cannot be had, and how the test part is set aside."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from bundle.contract import Number, Strict
from training.config.types import Expression, PositiveInt, Sha256, Share


class Source(Strict):
    """Where the real data can be downloaded from, when nobody gives a file."""

    url: Annotated[str, StringConstraints(pattern=r"^(https?|kaggle)://")]
    """The address of a CSV file, or of a .tgz or .zip archive that holds exactly one; or ``kaggle://owner/dataset/file.csv``."""
    sha256: Sha256
    """The checksum of the downloaded file, of Kaggle the CSV file's own; many copies of well-known data sets are altered."""
    licence: str = ""
    """Under which terms the data may be used, for the cards."""
    citation: str = ""
    """Who collected the data, for the cards."""


class Draw(Strict):
    """One synthetic column: a distribution whose parameters are numbers or expressions over earlier columns.

    Expressions are those of ``pandas.DataFrame.eval``. Columns whose name starts with an underscore are latent: later
    columns may use them, the data set does not have them.
    """

    name: str
    """The column's name."""
    draw: Literal["normal", "lognormal", "uniform", "gamma", "poisson", "bernoulli", "choice", "expression"]
    """The distribution, or ``expression`` for a column that follows from earlier ones."""
    value: Expression | None = None
    """expression: the value."""
    mean: float | Expression | None = None
    """normal, poisson: the mean. lognormal: the mean of the logarithm. gamma: the mean."""
    sd: float | Expression | None = None
    """normal: the standard deviation. lognormal: that of the logarithm."""
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
    """The ends to which a value is clipped."""
    decimals: Annotated[int, Field(ge=-6, le=12)] | None = None
    """To how many decimals a value is rounded."""
    missing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The share of values that are taken away at random."""

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
        given = {
            key
            for key in ("value", "mean", "sd", "shape", "low", "high", "p", "values", "where")
            if getattr(self, key) is not None
        }
        if needed is None:
            if given not in ({"value"}, {"where"}):
                raise ValueError(
                    f"column {self.name!r}: an expression takes either `value` or `where`, got {sorted(given)}"
                )
        elif given != set(needed):
            raise ValueError(f"column {self.name!r}: {self.draw} takes {list(needed)}, got {sorted(given)}")
        if self.values is not None and (
            not self.values or min(self.values.values()) < 0 or sum(self.values.values()) <= 0
        ):
            raise ValueError(f"column {self.name!r}: the weights of `values` must not be negative and not all zero")
        return self


class Synthetic(Strict):
    """How to make up data of the same schema with plausible relations, for trying things out."""

    rows: PositiveInt
    """How many rows are made."""
    seed: int = 42
    """The seed; the same seed gives the same rows."""
    columns: Annotated[tuple[Draw, ...], Field(min_length=1)]
    """The columns in the order in which they are drawn."""


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
    """How the test part is set aside, before anything is fitted."""

    test_size: Share = 0.2
    seed: int = 42
    stratify: Stratify | None = None
    null_rate_p_value: Annotated[float, Field(gt=0, lt=1)] = 1e-4
    """A column whose missing values fall into the two parts as unevenly as chance would do this rarely stops the run
    (two-sided Fisher exact test, Bonferroni-corrected over the columns)."""
