"""The search: trials one after the other, each judged on the folds, the promising ones by their cost as well.

Trials run in this process and in order; the folds of a trial run side by side. So the next trial always knows all that
were before it, and two sweeps of the same study try the same.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from training.config import ConfigError, Decisions, Estimator, ModelConfig, Param, Range
from training.cross_validation import CvScores
from training.errors import TrainingError
from training.export import ExportError
from training.metrics import better, metric_of
from training.progress import Progress
from training.selection.cost import Cost, excess, explain_excess, measure_cost
from training.selection.report import figure
from training.sweep.objective import Objective
from training.sweep.rungs import RUNGS
from training.sweep.spaces import holds_numbers, with_params
from training.sweep.study import FINISHED, make_sampler

DIGITS = 4
"""Tried numbers have so many significant digits: more would say nothing, and best_params.yaml stays readable."""
_CONSTRAINT = "budget"
_ATTRIBUTE = "tried"


@dataclass(frozen=True)
class Tried:
    """A finished trial."""

    number: int
    """From 0; trial 0 is the incoming estimator."""
    params: dict[str, Param]
    """The values of the parameters that are swept."""
    value: float | None
    """The mean of the metric over all folds; None for a trial that was ended early or could not be fitted."""
    standard_error: float | None
    """Its standard error over the folds."""
    quarters: int
    """How far it went, in quarters of the trees or of the folds."""
    reason: str
    """Why it cannot be the best: over budget, not exportable, not fitted; empty where it can."""
    cost: Cost | None
    """What it costs; measured for trials only that were the best so far."""
    seconds: float
    """How long it took."""


def representable(space: Mapping[str, Range], params: Mapping[str, Param]) -> dict[str, Param]:
    """Return those parameters whose values can stand in their ranges; None has no place among numbers."""
    return {
        name: value
        for name, value in params.items()
        if space[name].choices is not None or holds_numbers(space[name], value)
    }


class Search:
    """Runs the trials of a study."""

    def __init__(
        self,
        config: ModelConfig,
        train: pd.DataFrame,
        decisions: Decisions,
        space: Mapping[str, Range],
        incoming: Mapping[str, Param],
        objective: Objective,
        study: optuna.Study,
    ) -> None:
        """Take what a trial needs; ``incoming`` holds the values of trial 0."""
        self._config, self._train, self._decisions = config, train, decisions
        self._space, self._incoming = space, incoming
        self._objective, self._study = objective, study
        self._metric = metric_of(config)

    def run(self, progress: Progress) -> list[Tried]:
        """Try until the trials or the minutes are over, and return all finished trials in their order.

        The first trial is run whatever the time. A trial that has begun is ended.

        Raises:
            ConfigError: a range holds a value that the estimator refuses.
            TrainingError: the incoming estimator cannot be fitted.
        """
        deadline = time.monotonic() + 60 * self._config.sweep.minutes
        while len(tried := self.tried()) < self._config.sweep.trials:
            if tried and time.monotonic() >= deadline:
                break
            number = len(tried)
            with progress.step(f"Trial {number}, {number + 1} of {self._config.sweep.trials}") as step:
                done = self._try(number, best_of(tried, self._metric))
                step.detail = describe(done, self._metric)
        return tried

    def tried(self) -> list[Tried]:
        """Return the finished trials in their order, no more than the config asks for."""
        trials = self._study.get_trials(deepcopy=False, states=FINISHED)[: self._config.sweep.trials]
        return [_restored(trial) for trial in trials]

    def _try(self, number: int, best: Tried | None) -> Tried:
        """Run one trial and store it."""
        began = time.perf_counter()
        self._study.sampler = make_sampler(self._config.seed, number)
        trial = self._study.ask()
        params = self._suggest(trial)
        estimator = self._decisions.estimator if number == 0 else with_params(self._decisions.estimator, params)
        value = error = None
        scores: CvScores | None = None
        quarters, reason, cost = 0, "", None
        try:
            scores, quarters = self._judge(trial, estimator)
        except ConfigError as refused:
            raise ConfigError(f"sweep.space: a tried value is impossible ({params}): {refused}") from refused
        except (TrainingError, ValueError, ArithmeticError) as failure:
            if number == 0:
                raise
            reason = f"could not be fitted: {str(failure).strip() or type(failure).__name__}"
        over = 0.0
        if scores is not None and quarters == RUNGS[-1]:
            value, error = scores.mean(self._metric), scores.standard_error(self._metric)
            if best is None or best.value is None or better(self._metric, value, best.value):
                cost, reason, over = self._weigh(estimator)
        elif reason:
            over = 1.0
        # Infeasible by what it is over; of trials that were never the best nothing is known against them.
        trial.set_constraint(_CONSTRAINT, over)
        tried = Tried(number, params, value, error, quarters, reason, cost, time.perf_counter() - began)
        trial.set_user_attr(_ATTRIBUTE, _stored(tried))
        if value is None:
            self._study.tell(trial, state=TrialState.PRUNED)
        else:
            self._study.tell(trial, value)
        return tried

    def _suggest(self, trial: optuna.Trial) -> dict[str, Param]:
        """Draw the parameters; those of the first trial are the incoming ones."""
        if trial.number == 0:
            for name, tried in self._space.items():
                if name in self._incoming:
                    _draw(trial, name, tried)
            return dict(self._incoming)
        return {name: _rounded(_draw(trial, name, tried)) for name, tried in self._space.items()}

    def _judge(self, trial: optuna.Trial, estimator: Estimator) -> tuple[CvScores, int]:
        """Measure rung by rung; return the last figures and how many quarters they stand for."""
        scores, rung = CvScores([]), 0
        for rung, figures in self._objective.figures(estimator):
            scores = CvScores(figures)
            trial.report(scores.mean(self._metric), rung)
            if rung < RUNGS[-1] and trial.number > 0 and trial.should_prune():
                break
        return scores, rung

    def _weigh(self, estimator: Estimator) -> tuple[Cost | None, str, float]:
        """Measure what an estimator costs; return it, why it is too much, and by which share of the limit."""
        decided = self._decisions.model_copy(update={"estimator": estimator})
        try:
            cost = measure_cost(self._config, self._train, decided)
        except ExportError as error:
            return None, f"not exportable: step {error.step!r}: {error.reason}", 1.0
        over = excess(cost, self._config.selection)
        return cost, explain_excess(cost, self._config.selection), max(over.values(), default=1.0) - 1.0


def best_of(tried: list[Tried], metric: str) -> Tried | None:
    """Return the best eligible trial, of equal ones the first; None where there is none.

    A trial whose cost was not measured was no better than one whose cost was fine, so it is never the best.
    """
    best: Tried | None = None
    for item in tried:
        if item.value is None or item.reason:
            continue
        if best is None or best.value is None or better(metric, item.value, best.value):
            best = item
    return best


def describe(tried: Tried, metric: str) -> str:
    """Say in a line how a trial went."""
    if tried.value is None:
        return tried.reason or f"fell behind, ended after {tried.quarters} of {RUNGS[-1]} quarters"
    text = f"{metric} {figure(tried.value)}"
    if tried.reason:
        return f"{text}, but {tried.reason}"
    return f"{text}, one row {tried.cost.single_row_us:,.1f} µs, the best so far" if tried.cost else text


def _draw(trial: optuna.Trial, name: str, tried: Range) -> Param:
    """Let the sampler choose a value; the range has been checked."""
    value: Param
    if tried.choices is not None:
        value = trial.suggest_categorical(name, list(tried.choices))
    else:
        assert tried.low is not None
        assert tried.high is not None
        if tried.integer:
            value = trial.suggest_int(name, int(tried.low), int(tried.high), log=tried.log)
        else:
            value = trial.suggest_float(name, float(tried.low), float(tried.high), log=tried.log)
    return value


def _rounded(value: Param) -> Param:
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def _stored(tried: Tried) -> str:
    """Write what Optuna does not keep itself."""
    return json.dumps(
        {
            "params": tried.params,
            "standard_error": tried.standard_error,
            "quarters": tried.quarters,
            "reason": tried.reason,
            "cost": tried.cost.model_dump() if tried.cost else None,
            "seconds": tried.seconds,
        }
    )


def _restored(trial: FrozenTrial) -> Tried:
    stored = json.loads(trial.user_attrs[_ATTRIBUTE])
    if stored["cost"] is not None:
        stored["cost"] = Cost.model_validate(stored["cost"])
    value = trial.value if trial.state == TrialState.COMPLETE else None
    return Tried(number=trial.number, value=value, **stored)
