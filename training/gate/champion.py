"""The champion: a new model replaces the model in service only if it is not worse by more than chance.

The champion's own graph answers the new model's test rows, and a paired bootstrap gives the interval of the difference. A
comparison of two metrics without an interval would depend on luck. If the two models were trained on different data, the
champion may have learned from some of these rows. That improves its metric, so the comparison prefers the champion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.bundle.compatibility import breaking_changes, compatible_changes, incomparable
from tabento.bundle.contract import Contract
from tabento.bundle.errors import BundleError, ContractError
from tabento.bundle.session import open_session
from tabento.bundle.store import Bundle, load_bundle
from tabento.packaging.served_graph import graph_answers
from tabento.tables.frames import to_rows
from training.config import ChampionComparison
from training.config.metric_names import name_of, unit_of
from training.gate.bootstrap import paired_difference
from training.gate.differing_answers import compare_answers, in_words
from training.gate.figures import ChampionFigures, number_in_words
from training.gate.gate_input import GateInput
from training.gate.report import Check, disabled_check, limit_check, unlimited_check
from training.model.metrics import HIGHER_IS_BETTER, metric_of

GROUP = "Against the champion"
ROWS_MIN = 50
"""Fewer common rows are not compared: any difference would be chance."""
_REMEDY = (
    "keep the champion, improve the model, or set `gate.champion` to null if it must be replaced without a comparison"
)


@dataclass(frozen=True)
class _Common:
    """The test rows that the champion accepts, with its answers."""

    rows: NDArray[np.bool_]
    answers: NDArray[np.float64]


def check_champion(gate_input: GateInput) -> tuple[list[Check], ChampionFigures | None]:
    """Compare with the champion, if there is one.

    Returns:
        The checks ``champion.comparable``, ``champion.compatible`` and ``champion.worse_max`` as far as they can be made,
        and the results of the comparison, or None if there was no comparison.
    """
    rule = gate_input.config.gate.champion
    if rule is None:
        return [disabled_check("champion", group=GROUP)], None
    if gate_input.champion_tag is None:
        return [
            unlimited_check("champion", None, group=GROUP, detail="there is no champion yet, so nothing was compared")
        ], None
    try:
        champion = load_bundle(gate_input.champion_tag)
    except BundleError as error:
        return [_failed_check(f"the champion {gate_input.champion_tag} cannot be read: {error}")], None
    reasons = incomparable(champion.contract, gate_input.contract)
    if reasons:
        return [_failed_check(f"{champion.tag} answers something else: {'; '.join(reasons)}")], None
    breaking = tuple(breaking_changes(champion.contract, gate_input.contract))
    checks = [_compatible(champion, gate_input.contract, breaking)]
    try:
        common = _answer_common_rows(champion, gate_input.test)
    except ContractError as error:
        return [*checks, _failed_check(f"{champion.tag} cannot accept these rows: {error}")], None
    if common.rows.sum() < min(ROWS_MIN, len(gate_input.test)):
        return [
            *checks,
            _failed_check(
                f"{champion.tag} accepts {int(common.rows.sum()):,} of {len(gate_input.test):,} test rows, which are too few to"
                f" compare (at least {ROWS_MIN} are needed)"
            ),
        ], None
    figures = _compare(gate_input, rule, champion, common, breaking)
    pairs = compare_answers(gate_input.contract, common.answers, gate_input.answers[common.rows])
    return [*checks, _not_worse(gate_input, rule, champion, figures, in_words(pairs))], figures


def _failed_check(reason: str) -> Check:
    return Check(name="champion.comparable", group=GROUP, verdict="failed", detail=reason, remedy=_REMEDY)


def _compatible(champion: Bundle, contract: Contract, breaking: tuple[str, ...]) -> Check:
    """Return the changes for clients, without a limit: a model may require a new field on purpose."""
    compatible = compatible_changes(champion.contract, contract)
    changes = [
        *(f"breaks clients: {change}" for change in breaking),
        *(f"breaks no client: {change}" for change in compatible),
    ]
    detail = "; ".join(changes) if changes else "clients see the same fields, ranges and answers"
    return unlimited_check("champion.compatible", len(breaking), group=GROUP, unit="breaking changes", detail=detail)


def _answer_common_rows(champion: Bundle, test: pd.DataFrame) -> _Common:
    """Return the champion's answers to the rows that it accepts.

    Raises:
        ContractError: the champion needs a column that the data does not have.
    """
    contract = champion.contract
    needed = [feature for feature in contract.features if feature.name not in test.columns]
    required = [feature.name for feature in needed if feature.required]
    if required:
        raise ContractError(f"the data has no column for its features {required}")
    rows = test.assign(**{feature.name: np.nan for feature in needed})
    accepted = np.ones(len(rows), dtype=bool)
    for feature in contract.features:
        column = rows[feature.name]
        missing = column.isna().to_numpy()
        if not feature.nullable:
            accepted &= ~missing
        if feature.type == "category":
            if feature.unknown == "refuse":
                is_listed = [feature.normalise(str(value)) in (feature.categories or ()) for value in column]
                accepted &= missing | np.array(is_listed, dtype=bool)
        elif feature.type == "text":
            accepted &= np.array([isinstance(value, str) and feature.takes_text(value) for value in column], dtype=bool)
        elif feature.ordered:
            accepted &= missing | column.between(feature.lower, feature.upper).to_numpy()
    packed = to_rows(rows[accepted].reset_index(drop=True), contract)
    session = open_session(str(champion.model_path))
    return _Common(accepted, graph_answers(session, packed) if len(packed) else np.empty(0))


def _compare(
    gate_input: GateInput, rule: ChampionComparison, champion: Bundle, common: _Common, breaking: tuple[str, ...]
) -> ChampionFigures:
    metric = rule.metric or metric_of(gate_input.config)
    difference = paired_difference(
        gate_input.config,
        metric,
        gate_input.truth[common.rows],
        gate_input.answers[common.rows],
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
        compatible=tuple(compatible_changes(champion.contract, gate_input.contract)),
    )


def _not_worse(
    gate_input: GateInput, rule: ChampionComparison, champion: Bundle, figures: ChampionFigures, differing: str
) -> Check:
    """Check the better end of the interval, as a share of the champion's metric, against the limit.

    Args:
        gate_input: the model.
        rule: the limit.
        champion: the model in service.
        figures: the comparison.
        differing: the share of differing answers in words.
    """
    worse = -figures.high if figures.metric in HIGHER_IS_BETTER else figures.low
    share = worse / abs(figures.champion) if figures.champion else (0.0 if worse <= 0 else float("inf"))
    unit = unit_of(figures.metric, gate_input.config.target.unit)
    left_out = len(gate_input.test) - figures.rows
    detail = (
        f"{name_of(figures.metric)} {number_in_words(figures.challenger, unit)} against"
        f" {number_in_words(figures.champion, unit)} of {figures.tag} on {figures.rows:,} rows; difference"
        f" {number_in_words(figures.difference, unit)}, {figures.confidence:.0%} interval"
        f" {number_in_words(figures.low, unit)} to {number_in_words(figures.high, unit)}; better in"
        f" {figures.better_share:.0%} of {rule.resamples:,} resamples. The check uses the better"
        " end of the interval, as a share of the champion's metric."
        f" {differing}"
    )
    if left_out:
        detail += f". The champion does not accept {left_out:,} rows; they are excluded"
    if gate_input.data_sha256 not in (None, champion.manifest.provenance.data_sha256):
        detail += ". The champion was trained on other data and may have learned from some of these rows"
    return limit_check("champion.worse_max", share, rule.worse_max, group=GROUP, detail=detail, remedy=_REMEDY)
