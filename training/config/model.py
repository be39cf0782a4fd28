"""The whole of a model's config, and what must agree between its parts."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from bundle.contract import Contract, Feature, Strict
from training.config.agreements import check_columns, check_invariances, check_target, check_task
from training.config.card import CardNotes
from training.config.data import Source, Split, Synthetic
from training.config.decisions import Decisions
from training.config.estimator import Estimator
from training.config.features import Derived
from training.config.gate import Gate
from training.config.study import Evaluation, Selection, Studies, Sweep
from training.config.target import Decision, Target
from training.config.types import Imputer, Positive, Task


class Slo(Strict):
    """The latency promise."""

    p99_ms: Positive = 10.0
    """99% of answers leave within this many milliseconds."""


class ModelConfig(Strict):
    """The content of ``configs/<name>.yaml``."""

    name: str
    title: str
    description: str
    task: Task
    source: Source | None = None
    synthetic: Synthetic
    target: Target
    features: Annotated[tuple[Feature, ...], Field(min_length=1)]
    drop: dict[str, str] = {}
    """Columns of the data that no model may see, with the reason: identifiers, and what would leak the answer."""
    derived: Derived = Derived()
    impute: Imputer = "median"
    """What stands in for a missing number."""
    estimator: Estimator
    decision: Decision = Decision()
    """When a binary classification answers its positive class."""
    split: Split = Split()
    studies: Studies = Studies()
    selection: Selection = Selection()
    sweep: Sweep = Sweep()
    evaluation: Evaluation = Evaluation()
    gate: Gate = Gate()
    slo: Slo = Slo()
    card: CardNotes = CardNotes()
    """What people say about the model and its data, for the cards."""
    seed: int = 42
    """The seed of everything in training that is random but the split."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        check_target(self)
        self.contract()
        check_columns(self)
        check_task(self)
        check_invariances(self)
        return self

    def contract(self, *, threshold: float | None = None) -> Contract:
        """Return what clients and servers have to know of this config.

        Args:
            threshold: the probability from which on the positive class is answered, where one was chosen.
        """
        return Contract(
            name=self.name,
            title=self.title,
            description=self.description,
            task=self.task,
            features=self.features,
            output=self.target.output(threshold=threshold),
            p99_ms=self.slo.p99_ms,
        )

    def decisions(self) -> Decisions:
        """Return what the config itself decides, for a run without studies."""
        clusters = self.derived.clusters
        return Decisions(
            impute=self.impute,
            n_clusters=clusters.n_clusters if clusters else None,
            columns=tuple(feature.name for feature in self.features),
            estimator=self.estimator,
        )
