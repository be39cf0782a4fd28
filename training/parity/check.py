"""The proof that a graph answers what the fitted pipeline answers, run on every build.

The rows are chosen to hurt: the test part, rows on every threshold and edge that any object of the pipeline has and one
double or float32 beside it, rows on both sides of where labels, clusters and neighbours change, every category, what is
missing and what is unknown, the ends of the ranges, and rows alone against rows in batches. Compared are the answers, the
labels, and the leaf that each tree reaches: two wrong branches can cancel in a sum, leaves can't. Where the pipeline
raises an error, the graph must not answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import is_classifier

from bundle.contract import Contract
from training.export.convert import plain_graph
from training.frames import to_frame, to_rows
from training.parity.answers import answer_type, pipeline_answers, require_classes
from training.parity.batches import compare_batches
from training.parity.bisection import part_ways
from training.parity.branches import BranchProbe, Compared
from training.parity.figures import beyond_rounding
from training.parity.hostile_rows import Rows, has_whole_integers, refusals
from training.parity.knife_edges import KnifeEdges
from training.parity.lines import draw
from training.parity.overhearing import one_thread, overhear
from training.parity.proof_rows import proof_rows
from training.parity.report import Limits, ParityError, ParityPart, ParityReport
from training.parity.sessions import answers, open_session, single_precision_operators
from training.parity.steadiness import Steadiness
from training.parity.tried import Raised, Scale, Tried
from training.parity.worst import RAISES, worst_rows

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
        self._labels = len(contract.output.label_sets)
        self._worst_packed: list[NDArray[np.float64]] = []

    def run(
        self,
        packed: NDArray[np.float64],
        max_rows: int,
        check_answers: Callable[[NDArray[np.float64], NDArray[np.float64]], None] | None = None,
    ) -> ParityReport:
        """Return the figures; nothing is raised for what they say."""
        contract = self._contract
        test = self._answer(Rows("test", packed, to_frame(packed, contract)))
        if not len(test.got):
            raise ValueError(f"expected a pipeline that answers the test rows, got {test.raised.errors[0]}")
        packed = test.rows.packed
        hostile = proof_rows(self._pipeline, contract, self._plain, packed, max_rows)
        compared = [test, *(self._answer(rows) for rows in hostile)]
        if check_answers is not None:
            for one in compared:
                check_answers(one.rows.packed, one.got)
        scale = Scale.of(test.expected, self._labels, self._limits)
        everything = np.concatenate([one.rows.packed for one in compared])
        frame = pd.concat([one.rows.frame for one in compared], ignore_index=True)
        steadiness = Steadiness(self._pipeline, contract, self._probe, frame)
        knife_edges = KnifeEdges(self._pipeline, contract, self._plain.steps, test.rows.frame, self._limits)
        for one in compared:
            _decide(one, steadiness, knife_edges, scale)
        # Two rows: scikit-learn's SparsePCA raises on a row alone.
        kind = answer_type(self._pipeline, test.rows.frame.iloc[[0, -1]])
        parts = [_part(one, kind, scale) for one in compared]
        got = np.concatenate([one.got for one in compared if len(one.got)])
        excused = np.concatenate([one.excused for one in compared])
        found = compare_batches(self._session, everything, frame, got, excused, steadiness, knife_edges, scale)
        edges = np.concatenate([one.distances for one in compared] + [found.knife_edges])
        edges = edges[np.isfinite(edges)]
        worst = worst_rows(compared, scale, contract)
        self._worst_packed = [packed for _, packed in worst]
        total = sum(part.rows for part in parts)
        probabilities = contract.output.classes is not None and contract.output.probabilities

        def share(of: str) -> float:
            return float(sum(getattr(part, of) * part.rows for part in parts) / total)

        other = sum(part.other_branches for part in parts)
        refused = refusals(contract)
        unsendable = sum(one.raised.unsendable for one in compared)
        if unsendable:
            refused += (
                f"{unsendable} rows with a fraction in an integer, on which the pipeline itself raises an error",
            )
        return ParityReport(
            limit=self._limits.relative,
            limits=self._limits,
            rows=total,
            typical=tuple(scale.typical.tolist()),
            worst_absolute=max(part.worst_absolute for part in parts),
            worst_relative=max([part.worst_relative for part in parts] + [found.worst_relative]),
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
            undecided=sum(part.undecided for part in parts) + found.undecided,
            cancelled=sum(part.cancelled for part in parts) + found.cancelled,
            worst_cancelled=max(part.worst_cancelled for part in parts),
            knife_edges=len(edges),
            largest_knife_edge=float(edges.max(initial=0.0)),
            raised=sum(part.raised for part in parts),
            raised_by_both=sum(one.raised.by_both for one in compared),
            single_precision=self._single,
            refused=refused,
            parts=tuple(parts),
            alone=found.alone,
            batches=found.batches,
            worst_rows=tuple(row for row, _ in worst),
        )

    def with_steps(self, report: ParityReport) -> ParityReport:
        """Return a report whose worst rows say at which step pipeline and graph part ways."""
        if not report.worst_rows:
            return report
        # A row that the pipeline does not answer has no step at which it answers something else.
        answered = [at for at, worst in enumerate(report.worst_rows) if worst.answer != RAISES]
        told = list(report.worst_rows)
        if answered:
            rows = np.stack([self._worst_packed[at] for at in answered])
            partings = part_ways(self._pipeline, self._model, self._contract, rows, self._limits.relative)
            for at, parting in zip(answered, partings, strict=True):
                told[at] = told[at].model_copy(update={"step": parting.step, "cause": parting.cause})
        return report.model_copy(update={"worst_rows": tuple(told)})

    def _answer(self, asked: Rows) -> Tried:
        """Ask both about rows of one kind, and keep apart those on which the pipeline raises an error."""
        places, expected, errors = answered_rows(self._pipeline, asked.frame, self._contract)
        rows = asked.select(places)
        raised = self._raised(asked, errors)
        count = len(places)
        if not count:
            nothing, none = np.empty((0, self._session_width())), np.zeros(0, dtype=bool)
            return Tried(rows, nothing, nothing, {}, Compared(none, []), none, none, np.empty(0), raised)
        estimators = self._probe.estimators
        heard = overhear(self._pipeline, rows.frame, estimators) if estimators else []
        taken = {id(one): what.taken for one, what in zip(estimators, heard, strict=True) if what is not None}
        got = answers(self._session, rows.packed)
        if expected.shape != got.shape:
            raise ValueError(
                f"expected answers of shape {expected.shape}, got {got.shape}: the graph loses or makes rows, or was"
                " exported with another contract"
            )
        return Tried(
            rows=rows,
            expected=expected.reshape(count, -1),
            got=got.reshape(count, -1),
            taken=taken,
            branches=self._probe.compare(rows.packed, taken),
            undecided=np.zeros(count, dtype=bool),
            cancelled=np.zeros(count, dtype=bool),
            distances=np.full(count, np.inf),
            raised=raised,
        )

    def _session_width(self) -> int:
        """Return how many numbers an answer has."""
        return answers(self._session, np.zeros((1, len(self._contract.features)))).size

    def _raised(self, asked: Rows, errors: dict[int, str]) -> Raised:
        """Judge the rows on which the pipeline raises an error: the service must not answer them."""
        rows = asked.select(np.array(sorted(errors), dtype=np.intp))
        got = answers(self._session, rows.packed).reshape(len(errors), -1) if errors else np.empty((0, 1))
        finite = np.isfinite(got).all(axis=1)
        whole = has_whole_integers(rows.packed, self._contract)
        wrong = np.flatnonzero(finite & whole)
        texts = [errors[at] for at in sorted(errors)]
        return Raised(
            rows=rows.select(wrong),
            errors=tuple(texts[at] for at in wrong),
            got=got[wrong],
            by_both=int((whole & ~finite).sum()),
            unsendable=int((~whole).sum()),
        )


def answered_rows(
    pipeline: Any, frame: pd.DataFrame, contract: Contract
) -> tuple[NDArray[np.intp], NDArray[np.float64], dict[int, str]]:
    """Ask a pipeline about rows, by halves if it raises an error.

    Returns:
        The places of the rows that it answers, ascending; its answers to them; by place, its error on each other row.

    Raises:
        ValueError: its classes are not the contract's.
    """
    if is_classifier(pipeline):
        require_classes(pipeline, contract)
    pending, found, errors = [np.arange(len(frame))], [], {}
    while pending:
        places = pending.pop()
        if not len(places):
            continue
        try:
            found.append((places, pipeline_answers(pipeline, frame.iloc[places], contract)))
        except Exception as error:  # whatever it raises, it does not answer
            if len(places) > 1:
                # The first half comes next, so that answers are found in ascending order.
                pending += [places[len(places) // 2 :], places[: len(places) // 2]]
            else:
                errors[int(places[0])] = f"{type(error).__name__}: {_first_line(error)}"
    if not found:
        return np.empty(0, dtype=np.intp), np.empty(0), errors
    return np.concatenate([places for places, _ in found]), np.concatenate([given for _, given in found]), errors


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")


def _decide(one: Tried, steadiness: Steadiness, knife_edges: KnifeEdges, scale: Scale) -> None:
    """Find the rows on knife edges, and those that the pipeline itself does not answer in one way."""
    if not len(one.got):
        return
    absolute, relative, flips = scale.apart(one.expected, one.got)
    beyond = (relative > scale.limits.relative).any(axis=1) | flips
    if scale.labels:
        beyond |= (absolute > scale.limits.probability).any(axis=1)
    branched = np.flatnonzero(one.branches.other)
    if len(branched):
        one.undecided[branched] = steadiness.branches_undecided(one.branches.reached, one.rows.select(branched).frame)
    others = np.flatnonzero(beyond & ~one.branches.other)
    if len(others) and scale.labels:
        one.distances[others] = knife_edges.distances(one.rows.select(others).frame, [one.got[others]])
        others = others[~np.isfinite(one.distances[others])]
    if len(others):
        verdict = steadiness.judge(
            one.rows.select(others).frame,
            [one.expected[others], one.got[others]],
            scale.typical,
            scale.limits.relative,
        )
        one.undecided[others], one.cancelled[others] = verdict.undecided, verdict.cancelled


def _part(one: Tried, kind: np.dtype[Any], scale: Scale) -> ParityPart:
    """Return the figures of one kind of rows."""
    decided = ~one.excused
    count = len(decided)
    absolute, relative, flips = scale.apart(one.expected, one.got)
    rounding = np.any(beyond_rounding(one.expected[:, scale.labels :], one.got[:, scale.labels :], kind), axis=1)
    beyond = np.any(relative > scale.limits.relative, axis=1)
    return ParityPart(
        name=one.rows.name,
        rows=count,
        undecided=int(one.undecided.sum()),
        cancelled=int(one.cancelled.sum()),
        knife_edges=int(np.isfinite(one.distances).sum()),
        raised=len(one.raised.errors),
        worst_absolute=float(absolute[decided].max(initial=0.0)),
        worst_relative=float(relative[decided].max(initial=0.0)),
        worst_cancelled=float(relative[one.cancelled].max(initial=0.0)),
        beyond_share=float(beyond[decided].sum() / max(count, 1)),
        beyond_rounding_share=float(rounding[decided].sum() / max(count, 1)),
        other_branches=int(one.branches.other[decided].sum()),
        label_flips=int(flips[decided].sum()),
    )
