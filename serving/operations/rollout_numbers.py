"""The numbers of the rollout: metrics for people, and the counts of the arms, which the supervisor adds up for the judges of all workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from time import monotonic
from typing import Protocol

from monitoring.snapshots import Family, Series
from rollout.trials import Trials

FAMILIES = (
    Family("tabento_rollout_share", "max", "The challenger's share of the traffic.", ("model", "version")),
    Family("tabento_rollout_step", "max", "The index of the canary's step, from 0.", ("model", "version")),
    Family(
        "tabento_rollout_requests",
        "counter",
        "Requests of both versions while a challenger is tried, by result: answered, failed or refused.",
        ("model", "version", "variant", "result"),
    ),
    Family(
        "tabento_rollout_latency_seconds",
        "max",
        "Quantiles of latency in the present step; of a challenger in the shadow they are estimated.",
        ("model", "version", "variant", "quantile"),
    ),
    Family(
        "tabento_rollout_shadow_rows",
        "counter",
        "Rows of the shadow, by result: compared, differing (of the compared ones), failed or dropped.",
        ("model", "version", "result"),
    ),
    Family(
        "tabento_rollout_differing_share",
        "max",
        "The share of the shadow's compared rows that differ.",
        ("model", "version"),
    ),
    Family(
        "tabento_rollout_verdict",
        "max",
        "The last verdict: promote, hold, roll_back or no_difference; the value is 1.",
        ("model", "version", "decision"),
    ),
    Family(
        "tabento_rollout_rolled_back",
        "max",
        "1 for an hour after a challenger has lost its traffic, by the limit that was passed.",
        ("model", "version", "limit"),
    ),
    Family(
        "tabento_rollout_refused",
        "max",
        "1 while a version is wanted and not used, see the service's log.",
        ("model", "version"),
    ),
    Family(
        "tabento_rollout_document_fault",
        "max",
        "1 while the rollout document is broken or removed, and the last good one is used; see the service's log.",
    ),
)
COUNTS = "tabento_rollout_counts"
WORST = "tabento_rollout_worst_rows"
OVERRIDES = "tabento_rollout_overrides"
WORKERS = "tabento_rollout_workers"
_STEP_LABELS = ("model", "version", "step")
SHARED_FAMILIES = (
    Family(COUNTS, "counter", "Counts of the arms of a step.", (*_STEP_LABELS, "group", "field", "bin")),
    Family(WORKERS, "sum", "Workers by their live versions of a model.", ("model", "champion", "challenger")),
    Family(OVERRIDES, "max", "Overrides that are in no file.", ("model", "override")),
    Family(WORST, "max", "Worst rows of a step.", (*_STEP_LABELS, "request", "row", "champion", "challenger")),
)
"""Numbers that all workers share, and that are not metrics."""

QUANTILES = (0.5, 0.95, 0.99)


class Refusal(Protocol):
    """A version that is wanted and not live; see ``serving.fleet.reconcile.Refusal``."""

    @property
    def tag(self) -> str:
        """Its tag."""
        ...


class RolloutNumbers:
    """The numbers of a worker's trials.

    Args:
        trials: the trials.
        refusals: returns the versions that are wanted and not live, by model.
        document_fault: returns the reason why the rollout document is not used; None if it is.
        live_versions: returns the model, the champion's tag and the challenger's tag of each live model of the document; the last one is
            empty without a challenger.
    """

    def __init__(
        self,
        trials: Trials,
        refusals: Callable[[], Mapping[str, Refusal]],
        document_fault: Callable[[], str | None] = lambda: None,
        live_versions: Callable[[], Iterable[tuple[str, str, str]]] = tuple,
    ) -> None:
        self._trials = trials
        self._refusals = refusals
        self._document_fault = document_fault
        self._live_versions = live_versions

    def values(self) -> dict[str, Series]:
        """Return the present numbers by family."""
        values: dict[str, Series] = {family.name: {} for family in FAMILIES}
        counts, worst = self._trials.series()
        values[COUNTS], values[WORST] = counts, worst
        values[OVERRIDES] = self._trials.unwritten_overrides()
        values[WORKERS] = dict.fromkeys(self._live_versions(), 1)
        for version, fields in self._trials.lifetimes().items():
            self._count(values, version, fields)
        for running in self._trials.running.values():
            trial, labels = running.trial, running.version
            is_withdrawn = trial.withdrawn is not None
            values["tabento_rollout_share"][labels] = 0.0 if is_withdrawn else trial.plan.share
            values["tabento_rollout_step"][labels] = trial.plan.step
            if trial.verdict is not None:
                values["tabento_rollout_verdict"][(*labels, trial.verdict.decision)] = 1
            totals = trial.totals
            if totals is None:
                continue
            for variant, arm in (("champion", totals.champion), ("challenger", totals.challenger)):
                for level in QUANTILES:
                    seconds = arm.quantile_s(level)
                    if seconds is not None:
                        quantile = f"{level:g}"  # rounded: the label of a quantile
                        values["tabento_rollout_latency_seconds"][(*labels, variant, quantile)] = seconds
            if totals.pairs.differing_share is not None:
                values["tabento_rollout_differing_share"][labels] = totals.pairs.differing_share
        now = monotonic()
        for limit, until_s in self._trials.rolled_back.items():
            if until_s > now:
                values["tabento_rollout_rolled_back"][limit] = 1
        for refusal in self._refusals().values():
            name, _, tag_version = refusal.tag.partition(":")
            values["tabento_rollout_refused"][name, tag_version] = 1
        values["tabento_rollout_document_fault"][()] = float(self._document_fault() is not None)
        return values

    def _count(
        self, values: dict[str, Series], version: tuple[str, str], fields: Mapping[tuple[str, str], int]
    ) -> None:
        for (group, field), number in fields.items():
            if group == "shadow":
                values["tabento_rollout_shadow_rows"][(*version, field)] = number
        for variant in ("champion", "challenger"):
            n_requests, n_failed = fields.get((variant, "requests"), 0), fields.get((variant, "errors"), 0)
            results = {
                "answered": n_requests - n_failed,
                "failed": n_failed,
                "refused": fields.get((variant, "refused"), 0),
            }
            for result, number in results.items():
                values["tabento_rollout_requests"][(*version, variant, result)] = number


def rollout_values(numbers: RolloutNumbers | None) -> dict[str, Series]:
    """Return the numbers of the rollout by family; all are empty before the service starts."""
    return {family.name: {} for family in FAMILIES} if numbers is None else numbers.values()
