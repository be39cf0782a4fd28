"""The champion: a new model replaces the one in service only where it is not worse beyond chance.

The champion's own graph answers the new model's test rows, and a paired bootstrap gives the interval of the difference.
A bare comparison of two figures would promote and refuse by luck. Where the two were trained on different data, the
champion may have learned from some of these rows; that flatters it, so the comparison errs on the side of keeping it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bundle.contract import Contract
from bundle.errors import BundleError, ContractError
from bundle.store import Bundle, load_bundle
from training.config import AgainstChampion
from training.frames import to_rows
from training.gate.bootstrap import paired_difference
from training.gate.compatibility import breaking_changes, compatible_changes, incomparable
from training.gate.figures import ChampionFigures, number_in_words
from training.gate.given import GateInput
from training.gate.report import Check, judged, shown, switched_off
from training.metric_names import name_of, unit_of
from training.metrics import HIGHER_IS_BETTER, metric_of
from training.served_graph import graph_answers, open_graph

GROUP = "Against the champion"
ROWS_MIN = 50
"""On fewer common rows nothing is compared: any difference would be chance."""
_REMEDY = "keep the champion, improve the model, or set `gate.champion` to null where it must be replaced without a comparison"


@dataclass(frozen=True)
class _Common:
    """The test rows that the champion takes, with its answers."""

    rows: NDArray[np.bool_]
    answers: NDArray[np.float64]


def check_champion(given: GateInput) -> tuple[list[Check], ChampionFigures | None]:
    """Compare with the champion, if there is one.

    Returns:
        The checks ``champion.comparable``, ``champion.compatible`` and ``champion.worse_max`` as far as they can be made;
        and the figures of the comparison, None where there is none.
    """
    rule = given.config.gate.champion
    if rule is None:
        return [switched_off("champion", group=GROUP)], None
    if given.champion_tag is None:
        return [shown("champion", None, group=GROUP, detail="there is no champion yet, so nothing was compared")], None
    try:
        champion = load_bundle(given.champion_tag)
    except BundleError as error:
        return [_failed(f"the champion {given.champion_tag} cannot be read: {error}")], None
    reasons = incomparable(champion.contract, given.contract)
    if reasons:
        return [_failed(f"{champion.tag} answers something else: {'; '.join(reasons)}")], None
    breaking = tuple(breaking_changes(champion.contract, given.contract))
    checks = [_compatible(champion, given.contract, breaking)]
    try:
        common = _asked(champion, given.test)
    except ContractError as error:
        return [*checks, _failed(f"{champion.tag} cannot take these rows: {error}")], None
    if common.rows.sum() < min(ROWS_MIN, len(given.test)):
        return [
            *checks,
            _failed(
                f"{champion.tag} takes {int(common.rows.sum()):,} of {len(given.test):,} test rows, which are too few to"
                f" compare (at least {ROWS_MIN} are needed)"
            ),
        ], None
    figures = _compared(given, rule, champion, common, breaking)
    return [*checks, _not_worse(given, rule, champion, figures)], figures


def _failed(reason: str) -> Check:
    return Check(name="champion.comparable", group=GROUP, verdict="failed", detail=reason, remedy=_REMEDY)


def _compatible(champion: Bundle, contract: Contract, breaking: tuple[str, ...]) -> Check:
    """Tell what changes for clients. It is for people to decide: a model may be meant to ask for something new."""
    others = compatible_changes(champion.contract, contract)
    told = [
        *(f"breaks clients: {change}" for change in breaking),
        *(f"breaks no client: {change}" for change in others),
    ]
    detail = "; ".join(told) if told else "clients see the same fields, ranges and answers"
    return shown("champion.compatible", len(breaking), group=GROUP, unit="breaking changes", detail=detail)


def _asked(champion: Bundle, test: pd.DataFrame) -> _Common:
    """Let the champion answer those rows that it takes.

    Raises:
        ContractError: it needs a column that is not there.
    """
    contract = champion.contract
    needed = [feature for feature in contract.features if feature.name not in test.columns]
    required = [feature.name for feature in needed if feature.required]
    if required:
        raise ContractError(f"the data has no column for its features {required}")
    rows = test.assign(**{feature.name: np.nan for feature in needed})
    taken = np.ones(len(rows), dtype=bool)
    for feature in contract.features:
        column = rows[feature.name]
        missing = column.isna().to_numpy()
        if not feature.nullable:
            taken &= ~missing
        if feature.type == "category":
            if feature.unknown == "refuse":
                known = [feature.normalise(str(value)) in (feature.categories or ()) for value in column]
                taken &= missing | np.array(known, dtype=bool)
        elif feature.type == "text":
            taken &= np.array([isinstance(value, str) and feature.takes_text(value) for value in column], dtype=bool)
        elif feature.ordered:
            taken &= missing | column.between(feature.lower, feature.upper).to_numpy()
    packed = to_rows(rows[taken].reset_index(drop=True), contract)
    session = open_graph(str(champion.model_path))
    return _Common(taken, graph_answers(session, packed) if len(packed) else np.empty(0))


def _compared(
    given: GateInput, rule: AgainstChampion, champion: Bundle, common: _Common, breaking: tuple[str, ...]
) -> ChampionFigures:
    metric = rule.metric or metric_of(given.config)
    difference = paired_difference(
        given.config,
        metric,
        given.truth[common.rows],
        given.answers[common.rows],
        common.answers,
        resamples=rule.resamples,
        confidence=rule.confidence,
    )
    return ChampionFigures(
        tag=champion.tag,
        metric=metric,
        rows=int(common.rows.sum()),
        champion=difference.second,
        challenger=difference.first,
        difference=difference.first - difference.second,
        low=difference.low,
        high=difference.high,
        confidence=rule.confidence,
        better_share=difference.above if metric in HIGHER_IS_BETTER else 1 - difference.above,
        breaking=breaking,
        compatible=tuple(compatible_changes(champion.contract, given.contract)),
    )


def _not_worse(given: GateInput, rule: AgainstChampion, champion: Bundle, figures: ChampionFigures) -> Check:
    """Hold the better end of the interval against the limit, as a share of the champion's figure."""
    worse = -figures.high if figures.metric in HIGHER_IS_BETTER else figures.low
    share = worse / abs(figures.champion) if figures.champion else (0.0 if worse <= 0 else float("inf"))
    unit = unit_of(figures.metric, given.config.target.unit)
    left_out = len(given.test) - figures.rows
    detail = (
        f"{name_of(figures.metric)} {number_in_words(figures.challenger, unit)} against"
        f" {number_in_words(figures.champion, unit)} of {figures.tag} on {figures.rows:,} rows; difference"
        f" {number_in_words(figures.difference, unit)}, {figures.confidence:.0%} interval"
        f" {number_in_words(figures.low, unit)} to {number_in_words(figures.high, unit)}; better in"
        f" {figures.better_share:.0%} of {rule.resamples:,} resamples. The check looks at how much worse the model is at"
        " the better end of the interval, as a share of the champion's figure"
    )
    if left_out:
        detail += f". The champion does not take {left_out:,} rows; they are left out"
    if given.data_sha256 not in (None, champion.manifest.provenance.data_sha256):
        detail += ". The champion was trained on other data and may have learned from some of these rows"
    return judged("champion.worse_max", share, rule.worse_max, group=GROUP, detail=detail, remedy=_REMEDY)
