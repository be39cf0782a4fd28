"""A model's config: one YAML file says all that is specific to one model, and an impossible one is refused at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, StringConstraints, ValidationError, model_validator

from bundle.contract import Contract, Feature, Number, Output, Strict

Share = Annotated[float, Field(gt=0, lt=1)]
PositiveInt = Annotated[int, Field(gt=0)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Expression = Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class ConfigError(Exception):
    """A config file is missing, is no YAML, has an unknown key or an impossible value."""


class Source(Strict):
    """Where the real data can be downloaded from, when nobody gives a file."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://")]
    """The address of a CSV file, or of a .tgz or .zip archive that holds exactly one."""
    sha256: Sha256
    """The checksum of the downloaded file; many copies of well-known data sets are altered."""
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


class Target(Output):
    """The column to predict."""

    minimum: Number | None = None
    """The smallest plausible value; training rows below it are label problems."""
    maximum: Number | None = None
    """The largest plausible value; training rows above it are label problems."""


class Ratio(Strict):
    """A derived feature: one number divided by another."""

    name: str
    numerator: str
    denominator: str


class Clusters(Strict):
    """Derived features: similarity of a place to the centres of clusters, see ``ClusterSimilarity``."""

    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    """The numeric columns that span the space, such as latitude and longitude."""
    n_clusters: PositiveInt = 10
    """How many centres."""
    gamma: Annotated[float, Field(gt=0)] = 1.0
    """The width of the Gaussian: exp(-gamma · distance²)."""


class Derived(Strict):
    """Features that are computed inside the pipeline from those that clients send."""

    ratios: tuple[Ratio, ...] = ()
    clusters: Clusters | None = None


class Estimator(Strict):
    """The model behind the preprocessing."""

    kind: Literal["hist_gradient_boosting"]
    """Which estimator."""
    target: Literal["identity", "sqrt", "log"] = "identity"
    """The scale on which the estimator learns; answers are always in the target's unit."""
    params: dict[str, int | float | str | bool | None] = {}
    """The estimator's own parameters."""


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


class Gate(Strict):
    """The limits that a model has to keep before it is saved; null switches one off."""

    rmse_max: Annotated[float, Field(gt=0)] | None = None
    """Root mean squared error on the test split, in the target's unit."""
    r2_min: Annotated[float, Field(le=1)] | None = None
    """Coefficient of determination on the test split."""
    mape_max: Annotated[float, Field(gt=0)] | None = None
    """Mean absolute percentage error on the test split, in percent."""
    parity_relative_max: Annotated[float, Field(gt=0)] = 1e-9
    """Worst relative difference between the ONNX graph and the pipeline, over every row that parity tries."""
    parity_probability_max: Annotated[float, Field(gt=0)] = 1e-9
    """Worst difference of a probability between the two."""
    parity_other_branches_max: Annotated[int, Field(ge=0)] | None = 0
    """How many rows may take another branch in some tree of the graph."""
    parity_label_flips_max: Annotated[int, Field(ge=0)] | None = 0
    """How many rows may get another label from the graph."""
    parity_rows: Annotated[int, Field(ge=1000)] = 20_000
    """About how many rows parity tries; with more, more thresholds of a large forest are met."""
    single_row_p99_us_max: Annotated[float, Field(gt=0)] | None = 300.0
    """99% quantile of one row's time in ONNX Runtime, in microseconds."""
    model_mib_max: Annotated[float, Field(gt=0)] | None = 64.0
    """Size of the ONNX file in MiB."""


class Slo(Strict):
    """The latency promise."""

    p99_ms: Annotated[float, Field(gt=0)] = 10.0
    """99% of answers leave within this many milliseconds."""


class ModelConfig(Strict):
    """The content of ``configs/<name>.yaml``."""

    name: str
    title: str
    description: str
    task: Literal["regression"]
    source: Source | None = None
    synthetic: Synthetic
    target: Target
    features: Annotated[tuple[Feature, ...], Field(min_length=1)]
    drop: dict[str, str] = {}
    """Columns of the data that no model may see, with the reason: identifiers, and what would leak the answer."""
    derived: Derived = Derived()
    impute: Literal["median", "mean", "most_frequent"] = "median"
    """What stands in for a missing number."""
    estimator: Estimator
    split: Split = Split()
    gate: Gate = Gate()
    slo: Slo = Slo()
    seed: int = 42
    """The seed of everything in training that is random but the split."""

    @model_validator(mode="after")
    def _names_refer_to_features(self) -> Self:
        contract = self.contract()
        numeric = {feature.name for feature in contract.features if feature.type in ("number", "integer")}
        used = [
            (name, "derived.ratios") for ratio in self.derived.ratios for name in (ratio.numerator, ratio.denominator)
        ]
        if self.derived.clusters:
            used += [(name, "derived.clusters.columns") for name in self.derived.clusters.columns]
        if self.split.stratify:
            used.append((self.split.stratify.column, "split.stratify.column"))
        for name, where in used:
            allowed = numeric | {self.target.name} if where.startswith("split") else numeric
            if name not in allowed:
                raise ValueError(f"{where}: {name!r} is no numeric feature; there are {sorted(allowed)}")
        names = [ratio.name for ratio in self.derived.ratios]
        if len(set(names)) != len(names) or set(names) & set(contract.feature_names):
            raise ValueError(f"derived.ratios: the names {names} must be new and distinct")
        for column in self.drop:
            if column in contract.feature_names or column == self.target.name:
                raise ValueError(f"drop: {column!r} is also a feature or the target; it cannot be both")
        drawn = [column.name for column in self.synthetic.columns]
        for name in (*contract.feature_names, self.target.name):
            if drawn.count(name) != 1:
                raise ValueError(
                    f"synthetic.columns: {name!r} must be drawn exactly once, is {drawn.count(name)} times"
                )
        return self

    def contract(self) -> Contract:
        """Return what clients and servers have to know of this config."""
        return Contract(
            name=self.name,
            title=self.title,
            description=self.description,
            task=self.task,
            features=self.features,
            output=Output(name=self.target.name, unit=self.target.unit, description=self.target.description),
            p99_ms=self.slo.p99_ms,
        )


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML, with a key that stands twice refused instead of the first silently lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def explain(error: ValidationError) -> str:
    """Say each fault of a validated file on a line of its own: the key, the value, what is allowed."""
    lines = []
    for fault in error.errors(include_url=False):
        key = ".".join(str(part) for part in fault["loc"]) or "the file"
        if fault["type"] == "extra_forbidden":
            lines.append(f"{key}: unknown key (its value is {fault['input']!r}); remove it or correct its name")
        elif fault["type"] == "missing":
            lines.append(f"{key}: missing; add it")
        elif fault["type"] == "value_error":
            lines.append(f"{key}: {fault['msg'].removeprefix('Value error, ')}")
        else:
            lines.append(f"{key}: got {fault['input']!r}: {fault['msg']}")
    return "\n".join(f"  {line}" for line in lines)


def load_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Raises:
        ConfigError: the file is missing, is no YAML, repeats a key or holds something else.
    """
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except FileNotFoundError:
        raise ConfigError(f"there is no config {path}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no YAML: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path} must hold keys and values, got {type(data).__name__}")
    return data


def load_config(path: Path) -> ModelConfig:
    """Read a model's config.

    Raises:
        ConfigError: with every fault of the file: the key, the value and what is allowed.
    """
    data = load_yaml(path)
    try:
        return ModelConfig.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{path} is not a valid config:\n{explain(error)}") from error
