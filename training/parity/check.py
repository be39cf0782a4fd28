"""The proof that a graph answers what the fitted pipeline answers, run on every build.

The rows are chosen to hurt: the test part, rows on every threshold and edge that any object of the pipeline has and one
double or float32 beside it, every category, what is missing and what is unknown, the ends of the ranges, and rows
alone against rows in batches. Compared are the answers, the labels, and the leaf that each tree reaches: two wrong
branches can cancel in a sum, leaves can't.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pandas as pd
from numpy.typing import NDArray

from bundle.contract import Contract
from training.export.convert import plain_graph
from training.frames import to_frame, to_rows
from training.parity.answers import answer_type, pipeline_answers
from training.parity.batches import compare_batches
from training.parity.bisection import part_ways
from training.parity.branches import BranchProbe, Compared, part_of
from training.parity.cuts import cuts_of
from training.parity.figures import beyond_rounding
from training.parity.hostile_rows import Rows, hostile_rows, keeps_contract, refusals
from training.parity.lines import draw
from training.parity.neighbour_rows import neighbour_rows
from training.parity.overhearing import one_thread, overhear
from training.parity.report import Limits, ParityError, ParityPart, ParityReport
from training.parity.sessions import answers, open_session, single_precision_operators
from training.parity.steadiness import Steadiness
from training.parity.tried import Scale, Tried
from training.parity.worst import worst_rows

LIMIT = 1e-9
"""Worst relative difference allowed: additions in another order stay below it, another branch does not."""
SINGLE_LIMIT = 1e-5
"""The same where an operator computes in float32: about a hundred roundings of that type."""
MAX_ROWS = 20_000
"""About how many rows are compared: enough for each threshold of most models, few enough for a minute with a forest."""
SEED = 22
"""Seed by which test rows are drawn where there are too many."""


def check_parity(
    pipeline: Any,
    model: bytes,
    contract: Contract,
    frame: pd.DataFrame,
    *,
    limit: float = LIMIT,
    limits: Limits | None = None,
    max_rows: int = MAX_ROWS,
    check_answers: Callable[[NDArray[np.float64], NDArray[np.float64]], None] | None = None,
) -> ParityReport:
    """Compare the pipeline with its exported graph.

    Args:
        pipeline: the fitted pipeline or estimator, one that ``training.export.export_pipeline`` takes.
        model: the serialised graph.
        contract: the columns, their ranges and categories; the classes in the order of the pipeline's ``classes_``.
        frame: validated rows that were not trained on, at least one; the hostile rows are made from them.
        limit: the largest relative difference allowed, and the largest difference of a probability.
        limits: all limits one by one, instead of ``limit``. They are widened to ``SINGLE_LIMIT`` where an operator of
            the graph computes in float32.
        max_rows: about how many rows are compared at most.
        check_answers: called with each kind of rows, packed, shape (N, F), and the graph's answers to them, shape
            (N, W), before anything is compared; what it raises ends the proof.

    Returns:
        The figures.

    Raises:
        ParityError: a limit is exceeded; the message shows the worst rows and the step where the two part ways.
        ExportError: the pipeline cannot be exported.
        ValueError: the frame has no rows, or the pipeline's classes are not the contract's.
    """
    packed = to_rows(frame, contract)
    if not len(packed):
        raise ValueError("expected at least one row to compare on, got none: give the test split")
    packed = packed[draw(len(packed), max_rows // 2, np.random.default_rng(SEED))]
    with one_thread():
        proof = _Proof(pipeline, model, contract, limits or Limits(relative=limit, probability=limit))
        report = proof.run(packed, max_rows, check_answers)
        if not report.excesses():
            return report
        raise ParityError(proof.with_steps(report))


class _Proof:
    """One run of the proof."""

    def __init__(self, pipeline: Any, model: bytes, contract: Contract, limits: Limits) -> None:
        self._pipeline = pipeline
        self._model = model
        self._contract = contract
        # First of all: while ONNX Runtime loads a large ensemble it takes most of the memory that the proof needs.
        self._session = open_session(model)
        served = onnx.ModelProto.FromString(model)
        self._single = single_precision_operators(served)
        if self._single:
            limits = limits.model_copy(
                update={
                    "relative": max(limits.relative, SINGLE_LIMIT),
                    "probability": max(limits.probability, SINGLE_LIMIT),
                }
            )
        self._limits = limits
        self._plain = plain_graph(pipeline, contract)
        self._probe = BranchProbe(pipeline, served, contract, self._plain)
        self._labels = 0 if contract.output.classes is None else 1
        self._worst_packed: list[NDArray[np.float64]] = []

    def run(
        self,
        packed: NDArray[np.float64],
        max_rows: int,
        check_answers: Callable[[NDArray[np.float64], NDArray[np.float64]], None] | None = None,
    ) -> ParityReport:
        """Return the figures; nothing is raised for what they say."""
        contract = self._contract
        kinds = [Rows("test", packed, to_frame(packed, contract))]
        cuts = cuts_of(self._plain)
        hostile = hostile_rows(self._pipeline, contract, packed, cuts, max(max_rows - len(packed), max_rows // 2))
        between = neighbour_rows(self._pipeline, contract, packed, self._plain.steps, max_rows // 5)
        hostile += [between] if len(between.packed) else []
        refused_by_pipeline = 0
        for rows in hostile:
            kept = rows.select(np.flatnonzero(keeps_contract(rows.packed, contract)))
            answered = kept.select(_answered(self._pipeline, kept.frame))
            refused_by_pipeline += len(kept.packed) - len(answered.packed)
            kinds.append(answered)
        compared = [self._compare(rows) for rows in kinds]
        if check_answers is not None:
            for one in compared:
                check_answers(one.rows.packed, one.got)
        scale = Scale.of(compared[0].expected, self._labels, self._limits)
        everything = np.concatenate([one.rows.packed for one in compared])
        steadiness = Steadiness(self._pipeline, contract, self._probe, everything)
        for one in compared:
            _decide(one, steadiness, scale)
        kind = answer_type(self._pipeline, kinds[0].frame.iloc[:1])
        parts = [_part(one, kind, scale) for one in compared]
        got = np.concatenate([one.got for one in compared if len(one.got)])
        alone, batches, batches_worst = compare_batches(self._session, everything, got, steadiness, scale)
        worst = worst_rows(compared, scale, contract)
        self._worst_packed = [packed for _, packed in worst]
        total = sum(part.rows for part in parts)
        probabilities = contract.output.classes is not None and contract.output.probabilities

        def share(of: str) -> float:
            return float(sum(getattr(part, of) * part.rows for part in parts) / total)

        other = sum(part.other_branches for part in parts)
        refused = refusals(contract)
        if refused_by_pipeline:
            refused += (f"{refused_by_pipeline} hostile rows on which the pipeline itself raises an error",)
        return ParityReport(
            limit=self._limits.relative,
            limits=self._limits,
            rows=total,
            typical=tuple(scale.typical.tolist()),
            worst_absolute=max(part.worst_absolute for part in parts),
            worst_relative=max([part.worst_relative for part in parts] + [batches_worst]),
            beyond_share=share("beyond_share"),
            answer_type=str(kind),
            beyond_rounding_share=share("beyond_rounding_share"),
            ensembles=len(self._probe.forests),
            trees=self._probe.trees,
            unread_ensembles=tuple(dict.fromkeys(self._probe.unread)),
            other_branches=other,
            other_branch_share=other / total,
            classification=bool(self._labels),
            label_flips=sum(part.label_flips for part in parts),
            worst_probability=max(part.worst_absolute for part in parts) if probabilities else None,
            undecided=sum(part.undecided for part in parts),
            single_precision=self._single,
            refused=refused,
            parts=tuple(parts),
            alone=alone,
            batches=batches,
            worst_rows=tuple(row for row, _ in worst),
        )

    def with_steps(self, report: ParityReport) -> ParityReport:
        """Return a report whose worst rows say at which step pipeline and graph part ways."""
        if not report.worst_rows:
            return report
        rows = np.stack(self._worst_packed)
        partings = part_ways(self._pipeline, self._model, self._contract, rows, self._limits.relative)
        told = tuple(
            worst.model_copy(update={"step": parting.step, "cause": parting.cause})
            for worst, parting in zip(report.worst_rows, partings, strict=True)
        )
        return report.model_copy(update={"worst_rows": told})

    def _compare(self, rows: Rows) -> Tried:
        if not len(rows.packed):
            width = 1 if self._contract.output.classes is None else self._labels
            nothing = np.empty((0, width))
            none = np.zeros(0, dtype=bool)
            return Tried(rows, nothing, nothing, {}, Compared(none, []), none)
        estimators = self._probe.estimators
        heard = overhear(self._pipeline, rows.frame, estimators) if estimators else []
        taken = {id(one): what.taken for one, what in zip(estimators, heard, strict=True) if what is not None}
        expected = pipeline_answers(self._pipeline, rows.frame, self._contract)
        got = answers(self._session, rows.packed)
        if expected.shape != got.shape:
            raise ValueError(
                f"expected answers of shape {expected.shape}, got {got.shape}: the graph loses or makes rows, or was"
                " exported with another contract"
            )
        return Tried(
            rows=rows,
            expected=expected.reshape(len(expected), -1),
            got=got.reshape(len(got), -1),
            taken=taken,
            branches=self._probe.compare(rows.packed, taken),
            undecided=np.zeros(len(rows.packed), dtype=bool),
        )


def _answered(pipeline: Any, frame: pd.DataFrame) -> NDArray[np.intp]:
    """Return which rows the pipeline answers at all, by halves: an encoder may refuse a number that it never met."""
    pending, found = [np.arange(len(frame))], []
    while pending:
        places = pending.pop()
        if not len(places):
            continue
        try:
            pipeline.predict(frame.iloc[places])
            found.append(places)
        except ValueError:
            if len(places) > 1:
                pending += [places[: len(places) // 2], places[len(places) // 2 :]]
    return np.sort(np.concatenate(found)) if found else np.empty(0, dtype=np.intp)


def _decide(one: Tried, steadiness: Steadiness, scale: Scale) -> None:
    """Find the rows that the pipeline itself does not answer in one way."""
    if not len(one.got):
        return
    absolute, relative, flips = scale.apart(one.expected, one.got)
    beyond = (relative > scale.limits.relative).any(axis=1) | flips
    if scale.labels:
        beyond |= (absolute > scale.limits.probability).any(axis=1)
    branched = np.flatnonzero(one.branches.other)
    if len(branched):
        taken = {key: part_of(value, branched) for key, value in one.taken.items()}
        one.undecided[branched] = steadiness.branches_undecided(one.branches.reached, taken)
    others = np.flatnonzero(beyond & ~one.branches.other)
    if len(others):
        one.undecided[others] = steadiness.answers_undecided(
            one.rows.packed[others],
            one.expected[others],
            one.got[others],
            scale.typical,
            scale.limits.relative,
        )


def _part(one: Tried, kind: np.dtype[Any], scale: Scale) -> ParityPart:
    """Return the figures of one kind of rows."""
    decided = ~one.undecided
    expected, got = one.expected[decided], one.got[decided]
    if not len(expected):
        return ParityPart(
            name=one.rows.name,
            rows=len(one.undecided),
            undecided=int(one.undecided.sum()),
            worst_absolute=0.0,
            worst_relative=0.0,
            beyond_share=0.0,
        )
    absolute, relative, flips = scale.apart(expected, got)
    rounding = beyond_rounding(expected[:, scale.labels :], got[:, scale.labels :], kind)
    count = len(one.undecided)
    return ParityPart(
        name=one.rows.name,
        rows=count,
        undecided=int(one.undecided.sum()),
        worst_absolute=float(absolute.max(initial=0.0)),
        worst_relative=float(relative.max(initial=0.0)),
        beyond_share=float((relative > scale.limits.relative).any(axis=1).sum() / count),
        beyond_rounding_share=float(rounding.any(axis=1).sum() / count),
        other_branches=int(one.branches.other[decided].sum()),
        label_flips=int(flips.sum()),
    )
