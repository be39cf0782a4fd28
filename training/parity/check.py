"""The proof that a graph answers what the fitted pipeline answers, run on every build.

The rows are chosen to hurt: the test part, rows on every threshold and edge that any object of the pipeline has and one
double or float32 beside it, every category, what is missing and what is unknown, the ends of the ranges, and rows
alone against rows in batches. Compared are the answers, the labels, and the leaf that each tree reaches: two wrong
branches can cancel in a sum, leaves can't.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import pandas as pd
from numpy.typing import NDArray

from bundle.contract import Contract
from training.export.convert import plain_graph
from training.frames import to_frame, to_rows
from training.parity.answers import answer_type, pipeline_answers
from training.parity.bisection import part_ways
from training.parity.branches import BranchProbe, Compared, part_of
from training.parity.cuts import cuts_of
from training.parity.figures import beyond_rounding, differences
from training.parity.hostile_rows import Rows, hostile_rows, keeps_contract, refusals
from training.parity.lines import draw
from training.parity.overhearing import one_thread, overhear
from training.parity.report import BatchParity, Limits, ParityError, ParityPart, ParityReport, WorstRow
from training.parity.sessions import answers, open_session, single_precision_operators
from training.parity.steadiness import Steadiness

LIMIT = 1e-9
"""Worst relative difference allowed: additions in another order stay below it, another branch does not."""
SINGLE_LIMIT = 1e-5
"""The same where an operator computes in float32: about a hundred roundings of that type."""
MAX_ROWS = 20_000
"""About how many rows are compared: enough for each threshold of most models, few enough for a minute with a forest."""
BATCH_SIZES = (2, 50, 51, 80, 81, 128, 129, 1000)
"""ONNX Runtime changes its way through the trees near 50, 80 and 128 rows; 1,000 is the most that a request may hold."""
ALONE_ROWS = 5000
"""The most rows that are asked about one by one."""
BATCHED_ROWS = 200
"""How many of them are asked about again in batches of each size."""
SHOWN = 5
"""How many of the worst rows a report keeps."""
SEED = 22


@dataclass
class _Compared:
    """Rows of one kind with the answers of both."""

    rows: Rows
    expected: NDArray[np.float64]
    """The pipeline's answers, (N, W); a label's index first where there are labels."""
    got: NDArray[np.float64]
    """The graph's, (N, W)."""
    taken: dict[int, Any]
    """What the estimators with trees are given, by their identity."""
    branches: Compared
    """Which rows take another branch in at least one tree, and their leaves."""
    undecided: NDArray[np.bool_]
    """(N,) see ``training.parity.steadiness``."""


def check_parity(
    pipeline: Any,
    model: bytes,
    contract: Contract,
    frame: pd.DataFrame,
    *,
    limit: float = LIMIT,
    limits: Limits | None = None,
    max_rows: int = MAX_ROWS,
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
        report = proof.run(packed, max_rows)
        if not report.excesses():
            return report
        raise ParityError(proof.with_steps(report))


class _Proof:
    """One run of the proof."""

    def __init__(self, pipeline: Any, model: bytes, contract: Contract, limits: Limits) -> None:
        self._pipeline = pipeline
        self._model = model
        self._contract = contract
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
        self._session = open_session(model)
        self._labels = 0 if contract.output.classes is None else 1
        self._typical: NDArray[np.float64] = np.zeros(1)
        self._worst_packed: list[NDArray[np.float64]] = []

    def run(self, packed: NDArray[np.float64], max_rows: int) -> ParityReport:
        """Return the figures; nothing is raised for what they say."""
        contract = self._contract
        kinds = [Rows("test", packed, to_frame(packed, contract))]
        cuts = cuts_of(self._plain)
        hostile = hostile_rows(self._pipeline, contract, packed, cuts, max(max_rows - len(packed), max_rows // 2))
        refused_by_pipeline = 0
        for rows in hostile:
            kept = rows.select(np.flatnonzero(keeps_contract(rows.packed, contract)))
            answered = kept.select(_answered(self._pipeline, kept.frame))
            refused_by_pipeline += len(kept.packed) - len(answered.packed)
            kinds.append(answered)
        compared = [self._compare(rows) for rows in kinds]
        numbers = np.abs(compared[0].expected[:, self._labels :])
        finite = np.where(np.isfinite(numbers), numbers, 0.0)
        self._typical = finite.mean(axis=0)
        everything = np.concatenate([one.rows.packed for one in compared])
        steadiness = Steadiness(self._pipeline, contract, self._probe, everything)
        for one in compared:
            self._decide(one, steadiness)
        kind = answer_type(self._pipeline, kinds[0].frame.iloc[:1])
        parts = [self._part(one, kind) for one in compared]
        got = np.concatenate([one.got for one in compared if len(one.got)])
        alone, batches, batches_worst = self._batches(everything, got, steadiness)
        worst = self._worst(compared)
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
            typical=tuple(self._typical.tolist()),
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
            worst_rows=worst,
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

    def _compare(self, rows: Rows) -> _Compared:
        if not len(rows.packed):
            width = 1 if self._contract.output.classes is None else self._labels
            nothing = np.empty((0, width))
            none = np.zeros(0, dtype=bool)
            return _Compared(rows, nothing, nothing, {}, Compared(none, []), none)
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
        return _Compared(
            rows=rows,
            expected=expected.reshape(len(expected), -1),
            got=got.reshape(len(got), -1),
            taken=taken,
            branches=self._probe.compare(rows.packed, taken),
            undecided=np.zeros(len(rows.packed), dtype=bool),
        )

    def _apart(
        self, expected: NDArray[np.float64], got: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Return absolute and relative differences of the numbers, (N, numbers), and which labels differ, (N,)."""
        absolute, relative = differences(expected[:, self._labels :], got[:, self._labels :], self._typical)
        flips = (expected[:, : self._labels] != got[:, : self._labels]).any(axis=1)
        return absolute, relative, flips

    def _decide(self, one: _Compared, steadiness: Steadiness) -> None:
        """Find the rows that the pipeline itself does not answer in one way."""
        if not len(one.got):
            return
        absolute, relative, flips = self._apart(one.expected, one.got)
        beyond = (relative > self._limits.relative).any(axis=1) | flips
        if self._labels:
            beyond |= (absolute > self._limits.probability).any(axis=1)
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
                self._typical,
                self._limits.relative,
            )

    def _part(self, one: _Compared, kind: np.dtype[Any]) -> ParityPart:
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
        absolute, relative, flips = self._apart(expected, got)
        rounding = beyond_rounding(expected[:, self._labels :], got[:, self._labels :], kind)
        count = len(one.undecided)
        return ParityPart(
            name=one.rows.name,
            rows=count,
            undecided=int(one.undecided.sum()),
            worst_absolute=float(absolute.max(initial=0.0)),
            worst_relative=float(relative.max(initial=0.0)),
            beyond_share=float((relative > self._limits.relative).any(axis=1).sum() / count),
            beyond_rounding_share=float(rounding.any(axis=1).sum() / count),
            other_branches=int(one.branches.other[decided].sum()),
            label_flips=int(flips.sum()),
        )

    def _batches(
        self, rows: NDArray[np.float64], got: NDArray[np.float64], steadiness: Steadiness
    ) -> tuple[int, tuple[BatchParity, ...], float]:
        """Ask about rows one by one and in batches of each size, at changing places, and compare.

        Returns:
            How many rows were asked about alone; the figures per size; the worst relative difference over all,
            ``BATCH_SIZES`` and the proof's own batches, rows that the pipeline does not answer in one way left out.
        """
        some = np.linspace(0, len(rows) - 1, min(ALONE_ROWS, len(rows))).astype(np.intp)
        alone = np.concatenate([answers(self._session, rows[at : at + 1]).reshape(1, -1) for at in some])
        relative, _ = self._apart_in_batches(rows[some], alone, got[some], steadiness)
        worst = float(relative.max(initial=0.0))
        chosen = np.linspace(0, len(some) - 1, BATCHED_ROWS).astype(np.intp)
        results = []
        for size in BATCH_SIZES:
            # The list is repeated so that the last batch is full as well, whatever the size.
            order = chosen[np.arange(-(-BATCHED_ROWS // size) * size) % BATCHED_ROWS]
            together = np.concatenate(
                [answers(self._session, rows[some[part]]).reshape(size, -1) for part in order.reshape(-1, size)]
            )
            relative, equal = self._apart_in_batches(rows[some[order]], alone[order], together, steadiness)
            results.append(BatchParity(size=size, bit_equal=equal, worst_relative=float(relative.max(initial=0.0))))
        return len(some), tuple(results), max([worst] + [result.worst_relative for result in results])

    def _apart_in_batches(
        self,
        rows: NDArray[np.float64],
        one: NDArray[np.float64],
        other: NDArray[np.float64],
        steadiness: Steadiness,
    ) -> tuple[NDArray[np.float64], bool]:
        """Return by how much the graph differs from itself, 1 for another label, (N,), and whether not at all."""
        _, relative, flips = self._apart(one, other)
        largest = np.maximum(relative.max(axis=1, initial=0.0), flips)
        equal = not largest.any()
        beyond = np.flatnonzero(largest > self._limits.relative)
        if len(beyond):
            excused = steadiness.branches_unsteady(rows[beyond])
            rest = beyond[~excused]
            excused[~excused] = steadiness.answers_undecided(
                rows[rest], one[rest], other[rest], self._typical, self._limits.relative
            )
            largest[beyond[excused]] = 0.0
        return largest, equal

    def _worst(self, compared: Sequence[_Compared]) -> tuple[WorstRow, ...]:
        """Return the rows that differ most: other labels, then numbers beyond the limit, other branches, last bits."""
        found: list[tuple[tuple[float, ...], WorstRow, NDArray[np.float64]]] = []
        for one in compared:
            if not len(one.got):
                continue
            _, relative, flips = self._apart(one.expected, one.got)
            largest = relative.max(axis=1, initial=0.0)
            largest[one.undecided] = 0.0
            flips = flips & ~one.undecided
            other = one.branches.other & ~one.undecided
            beyond = np.where(largest > self._limits.relative, largest, 0.0)
            severity = np.stack([flips, beyond, other, largest]).astype(np.float64)
            for at in np.lexsort(-severity[::-1])[:SHOWN]:
                if severity[:, at].any():
                    shown = self._shown(one, int(at), relative[at], bool(flips[at]))
                    found.append((tuple(-severity[:, at]), shown, one.rows.packed[at]))
        found.sort(key=lambda entry: entry[0])
        self._worst_packed = [packed for _, _, packed in found[:SHOWN]]
        return tuple(row for _, row, _ in found[:SHOWN])

    def _shown(self, one: _Compared, at: int, relative: NDArray[np.float64], flipped: bool) -> WorstRow:
        classes = self._contract.output.classes
        expected, got = one.expected[at], one.got[at]
        values: tuple[Any, Any]
        if classes is not None and (flipped or not relative.any()):
            answer, values = "label" if flipped else "branch", (_label(expected[0], classes), _label(got[0], classes))
        else:
            column = int(np.argmax(relative)) if relative.any() else 0
            values = (float(expected[self._labels + column]), float(got[self._labels + column]))
            if not relative.any():
                answer = "branch"
            elif classes is not None:
                answer = f"probability of {classes[column]!r}"
            else:
                answer = "prediction" if len(relative) == 1 else f"prediction {column}"
        return WorstRow(
            part=one.rows.name,
            row=_as_sent(one.rows.frame.iloc[at], self._contract),
            answer=answer,
            pipeline=values[0],
            onnx=values[1],
            relative=1.0 if flipped else float(relative.max(initial=0.0)),
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


def _label(index: float, classes: tuple[Any, ...]) -> Any:
    return classes[int(index)] if index in range(len(classes)) else float(index)


def _as_sent(row: pd.Series[Any], contract: Contract) -> dict[str, str | float | None]:
    """Return a row of a frame as the values that a client would send."""
    values: dict[str, str | float | None] = {}
    for feature in contract.features:
        value = row[feature.name]
        values[feature.name] = value if isinstance(value, str) else None if pd.isna(value) else float(value)
    return values
