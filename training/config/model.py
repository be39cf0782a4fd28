"""A model's whole config, with the checks between its parts."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from tabento.bundle.contract import Contract, Feature, Identifier, Interval, Output, PredictionSet, Strict
from training.config.agreements import disagreements
from training.config.card import CardNotes
from training.config.column import Column
from training.config.data import Source, Split, Synthetic
from training.config.decisions import Decisions
from training.config.estimator import Estimator
from training.config.faults import raise_all
from training.config.features import DerivedFeatures
from training.config.gate import Gate
from training.config.intervals import Intervals, Sets
from training.config.study import Evaluation, Selection, Studies, Sweep
from training.config.target import Decision, Target
from training.config.text import ConfigText
from training.config.types import ConfigError, Imputer, Positive, Task

DEFAULT_ESTIMATOR = Estimator(kind="hist_gradient_boosting")
"""The estimator of a config that names none: it is quick, takes missing values, and does both tasks."""


class Slo(Strict):
    """The latency limit of the service."""

    p99_ms: Positive = 10.0
    """99% of answers are sent within this number of milliseconds."""


class ModelConfig(Strict):
    """The content of ``configs/<name>.yaml``."""

    name: str
    title: str
    """The model's name for users; by default derived from ``name``."""
    description: str
    """The purpose of the model; by default derived from the target's name."""
    task: Task
    """Can be omitted if the target implies it: by classes or a positive class, or by a unit or a range."""
    source: Source | None = None
    synthetic: Synthetic | None = None
    """The generator of data of the same schema; without it there is no synthetic data until a model was trained."""
    target: Target
    features: Annotated[tuple[Column, ...], Field(min_length=1)]
    identifiers: tuple[Identifier, ...] = ()
    """Columns that identify a row: checked if the data has them, echoed in answers, and never passed to the model."""
    drop: dict[str, str] = {}
    """Columns of the data that the model must not see, with the reason: identifiers, and columns that leak the target."""
    duplicates: Literal["keep", "drop", "refuse"] = "keep"
    """The treatment of rows that equal an earlier row in every column: ``keep`` them with a warning that counts them,
    ``drop`` them, or ``refuse`` the data."""
    derived: DerivedFeatures = DerivedFeatures()
    impute: Imputer = "median"
    """The method that replaces a missing number."""
    estimator: Estimator = DEFAULT_ESTIMATOR
    decision: Decision = Decision()
    """The rule by which a binary classification answers its positive class."""
    intervals: Intervals | None = None
    """The prediction intervals of a regression; null if an answer has no interval."""
    sets: Sets | None = None
    """The prediction sets of a classification; null if an answer has no set."""
    split: Split = Split()
    studies: Studies = Studies()
    selection: Selection = Selection()
    sweep: Sweep = Sweep()
    evaluation: Evaluation = Evaluation()
    gate: Gate = Gate()
    slo: Slo = Slo()
    card: CardNotes = CardNotes()
    """Notes of the authors about the model and its data, for the cards."""
    seed: int = 42
    """The seed of all randomness in training except the split."""

    _text: ConfigText = PrivateAttr(default_factory=ConfigText)

    @property
    def text(self) -> ConfigText:
        """The file from which the config was read, for messages."""
        return self._text

    def with_text(self, text: ConfigText) -> Self:
        """Return the config with the file from which it was read."""
        config = self.model_copy()
        config._text = text
        return config

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: Any) -> Any:
        """Fill in the keys that a config can omit."""
        return with_defaults(data) if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        raise_all(disagreements(self))
        self._contract_so_far()
        return self

    def contract(
        self,
        *,
        threshold: float | None = None,
        interval: Interval | None = None,
        prediction_set: PredictionSet | None = None,
    ) -> Contract:
        """Return the contract of this config, for clients and servers.

        Args:
            threshold: the lowest probability for which the positive class is answered, if a threshold was chosen.
            interval: the calibrated prediction intervals, if an answer has one.
            prediction_set: the calibrated prediction sets, if an answer has one.

        Raises:
            ConfigError: a part of the config is not yet taken from the data.
        """
        if self.is_open:
            raise ConfigError(
                f"{self.name}: {' and '.join(self.open_parts)} are taken from the data, which has not been read yet:"
                " run the stage `validate` first"
            )
        features = tuple(column.feature() for column in self.features)
        output = self.target.output(threshold=threshold, interval=interval, prediction_set=prediction_set)
        return self._contract_of(features, output)

    def _contract_so_far(self) -> Contract:
        """Return a contract with placeholders for the parts that the data decides, to check all other parts."""
        output = self.target.output()
        if self.task == "classification" and self.target.classes is None:
            output = Output(name=self.target.name, classes=(0, 1))
        return self._contract_of(tuple(column.so_far().feature() for column in self.features), output)

    def _contract_of(self, features: tuple[Feature, ...], output: Output) -> Contract:
        return Contract(
            name=self.name,
            title=self.title,
            description=self.description,
            task=self.task,
            features=features,
            identifiers=self.identifiers,
            output=output,
            p99_ms=self.slo.p99_ms,
        )

    @property
    def open_parts(self) -> tuple[str, ...]:
        """The keys whose values are taken from the data and not known yet."""
        classes = ("target.classes",) if self.task == "classification" and self.target.classes is None else ()
        return (*classes, *(f"the categories of {column.name!r}" for column in self.features if column.is_open))

    @property
    def is_open(self) -> bool:
        """Whether a part of the config is not yet taken from the data; see ``training.data.resolve``."""
        return bool(self.open_parts)

    def decisions(self) -> Decisions:
        """Return the decisions of the config itself, for a run without studies."""
        clusters = self.derived.clusters
        return Decisions(
            impute=self.impute,
            n_clusters=clusters.n_clusters if clusters else None,
            columns=tuple(feature.name for feature in self.features),
            estimator=self.estimator,
        )


def with_defaults(data: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a config with a default title, description and task if these are omitted."""
    filled = dict(data)
    name, target = data.get("name"), data.get("target")
    target = target if isinstance(target, dict) else {}
    if data.get("title") is None:
        filled["title"] = str(name or "").replace("_", " ").capitalize()
    if data.get("description") is None:
        filled["description"] = f"Predicts {target.get('name')}."
    if data.get("task") is None:
        if any(target.get(key) is not None for key in ("classes", "positive")):
            filled["task"] = "classification"
        elif any(target.get(key) is not None for key in ("unit", "minimum", "maximum")):
            filled["task"] = "regression"
    return filled
