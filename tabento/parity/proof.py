"""One run of the proof: answer the rows on both sides, find the rows that are counted separately, and sum up the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import pandas as pd
from numpy.typing import NDArray

from tabento.bundle.contract import Contract
from tabento.bundle.session import LOG_ERRORS, open_session
from tabento.export.convert import plain_graph
from tabento.export.pipeline_answers import answer_type
from tabento.parity.answered_rows import answered_rows
from tabento.parity.comparison.batch_sensitivity import BatchSensitivity
from tabento.parity.comparison.batches import Batches, compare_batches
from tabento.parity.comparison.branches import BranchProbe, ComparedLeaves
from tabento.parity.comparison.compared_rows import ComparedRows, RaisedRows, Scale
from tabento.parity.comparison.intervals import has_intervals, other_intervals
from tabento.parity.comparison.knife_edges import KnifeEdges
from tabento.parity.comparison.worst_rows import RAISES, worst_rows
from tabento.parity.recorded_calls import record_calls
from tabento.parity.report import Limits, ParityPart, ParityReport
from tabento.parity.rows.hostile_rows import Rows, has_whole_integers, refusals
from tabento.parity.rows.proof_rows import proof_rows
from tabento.parity.rows.threshold_bisection import first_divergence
from tabento.parity.sessions import answers, single_precision_operators
from tabento.parity.tolerances import beyond_rounding
from tabento.tables.frames import to_frame

FLOAT32_LIMIT = 1e-5
"""The relative limit if an operator computes in float32: about a hundred roundings of that type."""

CheckAnswers = Callable[[NDArray[np.float64], NDArray[np.float64]], None]


class Proof:
    """A comparison of one pipeline with one graph.

    Args:
        pipeline: fitted.
        model: the serialised graph.
        contract: the columns.
        limits: the largest differences and counts.

    Raises:
        ExportError: the pipeline cannot be exported.
    """

    def __init__(self, pipeline: Any, model: bytes, contract: Contract, limits: Limits) -> None:
        self._pipeline = pipeline
        self._model = model
        self._contract = contract
        # Open the session first: while ONNX Runtime loads a large ensemble, it takes most of the memory of the proof.
        self._session = open_session(model, log_severity=LOG_ERRORS)
        served = onnx.ModelProto.FromString(model)
        self._single = single_precision_operators(served)
        if self._single:
            limits = limits.model_copy(
                update={
                    "relative": max(limits.relative, FLOAT32_LIMIT),
                    "probability": max(limits.probability, FLOAT32_LIMIT),
                }
            )
        self._limits = limits
        self._plain = plain_graph(pipeline, contract)
        self._probe = BranchProbe(pipeline, served, contract, self._plain)
        self._labels = len(contract.output.label_sets)
        self._worst_packed: list[NDArray[np.float64]] = []

    def run(
        self, packed: NDArray[np.float64], max_rows: int, check_answers: CheckAnswers | None = None
    ) -> ParityReport:
        """Compare the test rows and the hostile rows, and return the report, also if a limit is exceeded.

        Args:
            packed: the test rows, float64 of shape (N, F), N at least 1.
            max_rows: the approximate maximum number of rows.
            check_answers: see ``tabento.parity.check.check_parity``.

        Raises:
            ValueError: the pipeline answers none of the test rows, or the graph does not give one answer per row.
        """
        contract = self._contract
        test = self._answer(Rows("test", packed, to_frame(packed, contract)))
        if not len(test.graph_answers):
            raise ValueError(f"expected a pipeline that answers the test rows, got {test.raised.errors[0]}")
        hostile = proof_rows(self._pipeline, contract, self._plain, test.rows.packed, max_rows)
        kinds = [test, *(self._answer(rows) for rows in hostile)]
        if check_answers is not None:
            for kind in kinds:
                check_answers(kind.rows.packed, kind.graph_answers)
        scale = Scale.from_answers(test.expected, self._labels, self._limits)
        all_rows = np.concatenate([kind.rows.packed for kind in kinds])
        frame = pd.concat([kind.rows.frame for kind in kinds], ignore_index=True)
        sensitivity = BatchSensitivity(self._pipeline, contract, self._probe, frame)
        knife_edges = KnifeEdges(self._pipeline, contract, self._plain.steps, test.rows.frame, self._limits)
        for kind in kinds:
            _find_excluded(kind, sensitivity, knife_edges, scale)
        batches = compare_batches(
            self._session,
            all_rows,
            frame,
            np.concatenate([kind.graph_answers for kind in kinds if len(kind.graph_answers)]),
            np.concatenate([kind.excluded for kind in kinds]),
            sensitivity,
            knife_edges,
            scale,
        )
        worst = worst_rows(kinds, scale, contract)
        self._worst_packed = [packed for _, packed in worst]
        report = self._report(kinds, batches, scale)
        return report.model_copy(update={"worst_rows": tuple(row for row, _ in worst)})

    def with_steps(self, report: ParityReport) -> ParityReport:
        """Return a report whose worst rows name the first step at which pipeline and graph differ."""
        if not report.worst_rows:
            return report
        # A row that the pipeline does not answer has no step with another answer.
        answered_indices = [index for index, worst in enumerate(report.worst_rows) if worst.answer != RAISES]
        explained = list(report.worst_rows)
        if answered_indices:
            rows = np.stack([self._worst_packed[index] for index in answered_indices])
            divergences = first_divergence(self._pipeline, self._model, self._contract, rows, self._limits.relative)
            for index, divergence in zip(answered_indices, divergences, strict=True):
                explained[index] = explained[index].model_copy(
                    update={"step": divergence.step, "cause": divergence.cause}
                )
        return report.model_copy(update={"worst_rows": tuple(explained)})

    def _report(self, kinds: Sequence[ComparedRows], batches: Batches, scale: Scale) -> ParityReport:
        """Sum up the report, without the worst rows."""
        contract = self._contract
        # Two rows: scikit-learn's SparsePCA raises on a single row.
        answered_type = answer_type(self._pipeline, kinds[0].rows.frame.iloc[[0, -1]])
        parts = [_part(kind, answered_type, scale) for kind in kinds]
        edges = np.concatenate([kind.distances for kind in kinds] + [batches.knife_edges])
        edges = edges[np.isfinite(edges)]
        total = sum(part.rows for part in parts)
        probabilities = contract.output.classes is not None and contract.output.probabilities

        def share(field: str) -> float:
            return float(sum(getattr(part, field) * part.rows for part in parts) / total)

        other_branches = sum(part.other_branches for part in parts)
        refused_kinds = refusals(contract)
        unsendable = sum(kind.raised.unsendable for kind in kinds)
        if unsendable:
            refused_kinds += (
                f"{unsendable} rows with a fraction in an integer, on which the pipeline itself raises an error",
            )
        return ParityReport(
            limit=self._limits.relative,
            limits=self._limits,
            rows=total,
            typical=tuple(scale.typical.tolist()),
            worst_absolute=max(part.worst_absolute for part in parts),
            worst_relative=max([part.worst_relative for part in parts] + [batches.worst_relative]),
            beyond_share=share("beyond_share"),
            answer_type=str(answered_type),
            beyond_rounding_share=share("beyond_rounding_share"),
            ensembles=len(self._probe.forests),
            trees=self._probe.trees,
            unread_ensembles=tuple(dict.fromkeys(self._probe.unread)),
            other_branches=other_branches,
            other_branch_share=other_branches / total,
            classification=bool(self._labels),
            label_flips=sum(part.label_flips for part in parts),
            worst_probability=max(part.worst_absolute for part in parts) if probabilities else None,
            other_intervals=sum(_other_intervals(kind, contract) for kind in kinds)
            if has_intervals(contract)
            else None,
            undecided=sum(part.undecided for part in parts) + batches.undecided,
            cancelled=sum(part.cancelled for part in parts) + batches.cancelled,
            worst_cancelled=max(part.worst_cancelled for part in parts),
            knife_edges=len(edges),
            largest_knife_edge=float(edges.max(initial=0.0)),
            raised=sum(part.raised for part in parts),
            raised_by_both=sum(kind.raised.by_both for kind in kinds),
            single_precision=self._single,
            refused=refused_kinds,
            parts=tuple(parts),
            alone=batches.alone,
            batches=batches.batches,
            worst_rows=(),
        )

    def _answer(self, rows: Rows) -> ComparedRows:
        """Answer rows of one kind on both sides. Rows on which the pipeline raises an error are kept separately."""
        indices, expected, errors = answered_rows(self._pipeline, rows.frame, self._contract)
        raised = self._raised(rows, errors)
        rows = rows.select(indices)
        count = len(indices)
        if not count:
            no_answers, mask = np.empty((0, self._session_width())), np.zeros(0, dtype=bool)
            return ComparedRows(
                rows, no_answers, no_answers, {}, ComparedLeaves(mask, []), mask, mask, np.empty(0), raised
            )
        estimators = self._probe.estimators
        calls = record_calls(self._pipeline, rows.frame, estimators) if estimators else []
        inputs = {id(model): call.inputs for model, call in zip(estimators, calls, strict=True) if call is not None}
        graph_answers = answers(self._session, rows.packed)
        if expected.shape != graph_answers.shape:
            raise ValueError(
                f"expected answers of shape {expected.shape}, got {graph_answers.shape}: the graph loses or makes rows, or"
                " was exported with another contract"
            )
        return ComparedRows(
            rows=rows,
            expected=expected.reshape(count, -1),
            graph_answers=graph_answers.reshape(count, -1),
            inputs=inputs,
            branches=self._probe.compare(rows.packed, inputs),
            undecided=np.zeros(count, dtype=bool),
            is_cancellation=np.zeros(count, dtype=bool),
            distances=np.full(count, np.inf),
            raised=raised,
        )

    def _session_width(self) -> int:
        """Return the number of numbers in an answer."""
        return answers(self._session, np.zeros((1, len(self._contract.features)))).size

    def _raised(self, rows: Rows, errors: dict[int, str]) -> RaisedRows:
        """Find the rows on which the pipeline raises an error, but which the service would answer."""
        failing_rows = rows.select(np.array(sorted(errors), dtype=np.intp))
        graph_answers = (
            answers(self._session, failing_rows.packed).reshape(len(errors), -1) if errors else np.empty((0, 1))
        )
        finite = np.isfinite(graph_answers).all(axis=1)
        sendable = has_whole_integers(failing_rows.packed, self._contract)
        wrong = np.flatnonzero(finite & sendable)
        messages = [errors[index] for index in sorted(errors)]
        return RaisedRows(
            rows=failing_rows.select(wrong),
            errors=tuple(messages[index] for index in wrong),
            graph_answers=graph_answers[wrong],
            by_both=int((sendable & ~finite).sum()),
            unsendable=int((~sendable).sum()),
        )


def _find_excluded(kind: ComparedRows, sensitivity: BatchSensitivity, knife_edges: KnifeEdges, scale: Scale) -> None:
    """Mark the knife edges, and the rows for which the pipeline's own answer depends on the batch."""
    if not len(kind.graph_answers):
        return
    absolute, relative, flips = scale.differences(kind.expected, kind.graph_answers)
    above_limit = (relative > scale.limits.relative).any(axis=1) | flips
    if scale.labels:
        above_limit |= (absolute > scale.limits.probability).any(axis=1)
    branched = np.flatnonzero(kind.branches.other)
    if len(branched):
        kind.undecided[branched] = sensitivity.undecided_branches(
            kind.branches.leaves, kind.rows.select(branched).frame
        )
    indices = np.flatnonzero(above_limit & ~kind.branches.other)
    if len(indices) and scale.labels:
        kind.distances[indices] = knife_edges.distances(kind.rows.select(indices).frame, [kind.graph_answers[indices]])
        indices = indices[~np.isfinite(kind.distances[indices])]
    if len(indices):
        result = sensitivity.explain_differences(
            kind.rows.select(indices).frame,
            [kind.expected[indices], kind.graph_answers[indices]],
            scale.typical,
            scale.limits.relative,
        )
        kind.undecided[indices], kind.is_cancellation[indices] = result.undecided, result.is_cancellation


def _other_intervals(kind: ComparedRows, contract: Contract) -> int:
    """Return the number of rows of one kind that get another prediction interval or set."""
    included = ~kind.excluded
    mask = other_intervals(contract, kind.rows.packed[included], kind.expected[included], kind.graph_answers[included])
    return int(mask.sum())


def _part(kind: ComparedRows, answered_type: np.dtype[Any], scale: Scale) -> ParityPart:
    """Return the numbers of one kind of rows."""
    included = ~kind.excluded
    count = len(included)
    absolute, relative, flips = scale.differences(kind.expected, kind.graph_answers)
    rounding = np.any(
        beyond_rounding(kind.expected[:, scale.labels :], kind.graph_answers[:, scale.labels :], answered_type), axis=1
    )
    above_limit = np.any(relative > scale.limits.relative, axis=1)
    return ParityPart(
        name=kind.rows.name,
        rows=count,
        undecided=int(kind.undecided.sum()),
        cancelled=int(kind.is_cancellation.sum()),
        knife_edges=int(np.isfinite(kind.distances).sum()),
        raised=len(kind.raised.errors),
        worst_absolute=float(absolute[included].max(initial=0.0)),
        worst_relative=float(relative[included].max(initial=0.0)),
        worst_cancelled=float(relative[kind.is_cancellation].max(initial=0.0)),
        beyond_share=float(above_limit[included].sum() / max(count, 1)),
        beyond_rounding_share=float(rounding[included].sum() / max(count, 1)),
        other_branches=int(kind.branches.other[included].sum()),
        label_flips=int(flips[included].sum()),
    )
