"""The search: trials in sequence, each scored on the folds; the cost of a trial that is the best so far is measured as well.

Trials run in this process and in order; the folds of a trial run in parallel. So each trial knows all earlier trials, and two
sweeps of the same study try the same parameters.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from tabento.errors import TabentoError
from tabento.export import ExportError
from training.config import ConfigError, Decisions, Estimator, ModelConfig, Param, Range
from training.model.cross_validation import CvScores
from training.model.metrics import better, metric_of
from training.progress import Progress
from training.studies.selection.cost import Cost, excess, explain_excess, measure_cost
from training.studies.sweep.objective import Objective
from training.studies.sweep.rungs import RUNGS
from training.studies.sweep.spaces import can_hold, set_params
from training.studies.sweep.study import FINISHED, make_sampler
from training.studies.texts import format_score

DIGITS = 4
"""The significant digits of tried numbers: more digits have no effect, and best_params.yaml stays readable."""
_CONSTRAINT = "budget"
_ATTRIBUTE = "tried"


@dataclass(frozen=True)
class FinishedTrial:
    """A finished trial."""

    number: int
    """The number of the trial; trial 0 is the incoming estimator."""
    params: dict[str, Param]
    """The values of the swept parameters."""
    value: float | None
    """The mean of the metric over all folds; None for a trial that was pruned or could not be fitted."""
    standard_error: float | None
    """The standard error of the mean over the folds."""
    quarters: int
    """The completed quarters of the trees or of the folds."""
    reason: str
    """The reason why it cannot be the best: over budget, not exportable, not fitted; empty if it can."""
    cost: Cost | None
    """Its cost, measured only for trials that were the best so far."""
    seconds: float
    """The duration of the trial, in seconds."""


def select_representable(space: Mapping[str, Range], params: Mapping[str, Param]) -> dict[str, Param]:
    """Return the parameters whose values are possible in their ranges; None is not possible in a range of numbers."""
    return {
        name: value for name, value in params.items() if space[name].choices is not None or can_hold(space[name], value)
    }


class Search:
    """The search over the trials of a study."""

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
        """Prepare a search; ``incoming`` has the values of trial 0."""
        self._config, self._train, self._decisions = config, train, decisions
        self._space, self._incoming = space, incoming
        self._objective, self._study = objective, study
        self._metric = metric_of(config)

    def run(self, progress: Progress) -> list[FinishedTrial]:
        """Run trials until their number or the minutes are reached, and return all finished trials in their order.

        The first trial always runs. A started trial is completed.

        Raises:
            ConfigError: a range holds a value that the estimator refuses.
            TabentoError: the incoming estimator cannot be fitted.
        """
        deadline = time.monotonic() + 60 * self._config.sweep.minutes
        while len(trials := self.finished_trials()) < self._config.sweep.trials:
            if trials and time.monotonic() >= deadline:
                break
            number = len(trials)
            with progress.step(f"Trial {number}, {number + 1} of {self._config.sweep.trials}") as step:
                trial = self._run_trial(number, find_best(trials, self._metric))
                step.detail = describe_trial(trial, self._metric)
        return trials

    def finished_trials(self) -> list[FinishedTrial]:
        """Return the finished trials in their order, no more than the config asks for."""
        trials = self._study.get_trials(deepcopy=False, states=FINISHED)[: self._config.sweep.trials]
        return [_from_frozen_trial(trial) for trial in trials]

    def _run_trial(self, number: int, best: FinishedTrial | None) -> FinishedTrial:
        """Run one trial and store it."""
        started_s = time.perf_counter()
        self._study.sampler = make_sampler(self._config.seed, number)
        trial = self._study.ask()
        params = self._suggest(trial)
        estimator = self._decisions.estimator if number == 0 else set_params(self._decisions.estimator, params)
        value = standard_error = None
        scores: CvScores | None = None
        quarters, reason, cost = 0, "", None
        try:
            scores, quarters = self._measure(trial, estimator)
        except ConfigError as error:
            raise ConfigError(f"sweep.space: a tried value is impossible ({params}): {error}") from error
        except (TabentoError, ValueError, ArithmeticError) as error:
            if number == 0:
                raise
            reason = f"could not be fitted: {str(error).strip() or type(error).__name__}"
        excess_share = 0.0
        if scores is not None and quarters == RUNGS[-1]:
            value, standard_error = scores.mean(self._metric), scores.standard_error(self._metric)
            if best is None or best.value is None or better(self._metric, value, best.value):
                cost, reason, excess_share = self._check_cost(estimator)
        elif reason:
            excess_share = 1.0
        # The share above the limit makes a trial infeasible; trials that were never the best count as feasible.
        trial.set_constraint(_CONSTRAINT, excess_share)
        finished = FinishedTrial(
            number, params, value, standard_error, quarters, reason, cost, time.perf_counter() - started_s
        )
        trial.set_user_attr(_ATTRIBUTE, _to_attribute(finished))
        if value is None:
            self._study.tell(trial, state=TrialState.PRUNED)
        else:
            self._study.tell(trial, value)
        return finished

    def _suggest(self, trial: optuna.Trial) -> dict[str, Param]:
        """Sample the parameters; the first trial has the incoming values."""
        if trial.number == 0:
            for name, parameter_range in self._space.items():
                if name in self._incoming:
                    _suggest_value(trial, name, parameter_range)
            return dict(self._incoming)
        return {
            name: _round_value(_suggest_value(trial, name, parameter_range))
            for name, parameter_range in self._space.items()
        }

    def _measure(self, trial: optuna.Trial, estimator: Estimator) -> tuple[CvScores, int]:
        """Measure rung by rung; return the last scores and the number of completed quarters."""
        scores, rung = CvScores([]), 0
        for rung, figures in self._objective.figures(estimator):
            scores = CvScores(figures)
            trial.report(scores.mean(self._metric), rung)
            if rung < RUNGS[-1] and trial.number > 0 and trial.should_prune():
                break
        return scores, rung

    def _check_cost(self, estimator: Estimator) -> tuple[Cost | None, str, float]:
        """Measure the cost of an estimator; return the cost, the reason of an excess, and the share above the limit."""
        decisions = self._decisions.model_copy(update={"estimator": estimator})
        try:
            cost = measure_cost(self._config, self._train, decisions)
        except ExportError as error:
            return None, f"not exportable: step {error.step!r}: {error.reason}", 1.0
        excess_share = excess(cost, self._config.selection)
        return cost, explain_excess(cost, self._config.selection), max(excess_share.values(), default=1.0) - 1.0


def find_best(trials: list[FinishedTrial], metric: str) -> FinishedTrial | None:
    """Return the best eligible trial, of equal values the first; None if no trial is eligible.

    A trial without a measured cost was not better than an earlier trial within the budget, so it is never the best.
    """
    best: FinishedTrial | None = None
    for item in trials:
        if item.value is None or item.reason:
            continue
        if best is None or best.value is None or better(metric, item.value, best.value):
            best = item
    return best


def describe_trial(trial: FinishedTrial, metric: str) -> str:
    """Return the result of a trial in one line."""
    if trial.value is None:
        return trial.reason or f"pruned after {trial.quarters} of {RUNGS[-1]} quarters"
    text = f"{metric} {format_score(trial.value)}"
    if trial.reason:
        return f"{text}, but {trial.reason}"
    return f"{text}, one row {trial.cost.single_row_us:,.1f} µs, the best so far" if trial.cost else text


def _suggest_value(trial: optuna.Trial, name: str, parameter_range: Range) -> Param:
    """Let the sampler choose a value from a checked range."""
    value: Param
    if parameter_range.choices is not None:
        value = trial.suggest_categorical(name, list(parameter_range.choices))
    else:
        assert parameter_range.low is not None
        assert parameter_range.high is not None
        if parameter_range.integer:
            value = trial.suggest_int(
                name, int(parameter_range.low), int(parameter_range.high), log=parameter_range.log
            )
        else:
            value = trial.suggest_float(
                name, float(parameter_range.low), float(parameter_range.high), log=parameter_range.log
            )
    return value


def _round_value(value: Param) -> Param:
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def _to_attribute(trial: FinishedTrial) -> str:
    """Return the fields that Optuna does not store itself, as JSON."""
    return json.dumps(
        {
            "params": trial.params,
            "standard_error": trial.standard_error,
            "quarters": trial.quarters,
            "reason": trial.reason,
            "cost": trial.cost.model_dump() if trial.cost else None,
            "seconds": trial.seconds,
        }
    )


def _from_frozen_trial(trial: FrozenTrial) -> FinishedTrial:
    stored = json.loads(trial.user_attrs[_ATTRIBUTE])
    if stored["cost"] is not None:
        stored["cost"] = Cost.model_validate(stored["cost"])
    value = trial.value if trial.state == TrialState.COMPLETE else None
    return FinishedTrial(number=trial.number, value=value, **stored)
