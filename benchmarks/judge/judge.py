"""The judge: compares a pipeline with its graph on rows that are chosen to show a difference."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.judge.answers import GraphAnswers, GraphError, Owner, Part, bisect_errors, servable
from benchmarks.judge.classes import couples_probabilities
from benchmarks.judge.judgement import Finding, Judgement
from benchmarks.judge.repeated_answers import Limits, is_knife_edge, is_near_stopping_rule, repeated_answers
from benchmarks.judge.rows import extremes, grid_neighbours, mix_rows, recombine_values
from benchmarks.judge.search import (
    RAISES,
    AnswerFunction,
    boundaries,
    candidates,
    distance,
    single_steps,
    transplant,
)
from benchmarks.judge.space import Space
from tabento.bundle.contract import Contract

LIMIT = 1e-9
"""The largest relative difference of a number, and the largest difference of a probability."""
FLOAT32_LIMIT = 1e-5
"""The limit of both if the pipeline computes in float32."""
AGAIN_ROWS = 24
"""The approximate number of differing rows that scikit-learn predicts again."""
MORE_ROUNDS = 2
"""The number of further rounds for rows that look wrong; a round is one call alone and a dozen batches."""
FINDINGS = 6
"""The maximum number of wrong rows in the report."""
SECONDS = 6.0
"""The approximate time limit of the search."""
PAIRS_MAX, PAIRS_MIN = 240, 24
PLAIN_ROWS = 800
ROWS = 800
"""The number of recombined rows of a fast pipeline. Neighbours on the grid and extremes are twice as many."""
PACE_ROWS = 200
"""The number of rows with which a pipeline's duration is measured."""
CALLS = 100
"""The approximate number of calls with so many rows in one judgement, without the repeated answers."""
SEED = 13


def judge(
    pipeline: Any,
    model: bytes,
    contract: Contract,
    sample: pd.DataFrame,
    *,
    dtypes: dict[str, object] | None = None,
    missing_text: float | None = np.nan,
    seconds: float = SECONDS,
    seed: int = SEED,
) -> Judgement:
    """Compare a graph with the pipeline that it was exported from.

    Args:
        pipeline: the fitted pipeline, as its owner has it.
        model: the serialised graph.
        contract: the contract of a request.
        sample: rows of the table, a column for each feature: numbers, booleans, and texts with NaN or None for missing.
        dtypes: the types of the columns of the frame that the pipeline was fitted on, if they matter to it.
        missing_text: how the pipeline's owner writes a missing text: NaN or None.
        seconds: the approximate time limit of the search.
        seed: the same seed gives the same rows.
    """
    with threadpool_limits(1):
        space = Space.from_contract(contract, sample, dtypes or {}, missing_text)
        return _Case(pipeline, model, space, seconds, seed).judgement(space.matrix(sample))


class _Case:
    def __init__(self, pipeline: Any, model: bytes, space: Space, seconds: float, seed: int) -> None:
        self._owner = Owner(pipeline, space)
        self._graph = GraphAnswers(model, space)
        self._space = space
        self._seconds = seconds
        self._draw = np.random.default_rng(seed)
        self._single = self._owner.is_single()
        self._labelled = space.contract.output.classes is not None
        self._pairs = 0

    def judgement(self, sample: NDArray[np.float64]) -> Judgement:
        kinds = self._rows(sample)
        names = np.repeat(np.array(list(kinds)), [len(rows) for rows in kinds.values()])
        rows = np.concatenate(list(kinds.values()))
        expected, errors = self._owner.answers_or_raises(rows)
        graph_answers, graph_errors = self._graph_answers(rows)
        raised = np.zeros(len(rows), dtype=bool)
        raised[list(errors)] = True
        limits = self._limits(expected[(names == "plain") & ~raised])
        served = servable(graph_answers, self._space.contract)
        if graph_answers.shape[1] != expected.shape[1]:
            first = Finding(
                kind="answer",
                rows="plain",
                row=self._space.request_row(rows[0]),
                expected=expected[0].tolist(),
                got=graph_answers[0].tolist(),
            )
            return Judgement(
                rows=len(rows), kinds=_counts(names), differing=len(rows), wrong=len(rows), findings=(first,)
            )
        own_served = servable(expected, self._space.contract) & ~raised
        differences = limits.differences(expected, graph_answers)
        # If neither answer can be served, the service refuses the row in both cases.
        suspect = differences.any(axis=1) & ~raised & (own_served | served)
        raises = np.flatnonzero(raised & served)
        findings = [
            self._raises(rows[row], str(names[row]), errors[int(row)], graph_answers[row]) for row in raises[:FINDINGS]
        ]
        selected = self._select_rows(np.flatnonzero(suspect), names)
        steady = np.flatnonzero(~raised & own_served)
        verdicts = self._verdicts(rows, selected, rows[steady], limits, graph_answers)
        wrong = [row for row, verdict in verdicts.items() if verdict == "wrong"]
        for row in wrong[:FINDINGS]:
            label = self._labelled and bool(differences[row, 0])
            findings.append(
                Finding(
                    kind="graph raises" if row in graph_errors else "label" if label else "answer",
                    rows=str(names[row]),
                    row=self._space.request_row(rows[row]),
                    expected=expected[row].tolist(),
                    got=graph_errors.get(row) or graph_answers[row].tolist(),
                )
            )
        is_decided = np.ones(len(rows), dtype=bool)
        is_decided[raised | ~own_served | ~served] = False
        is_decided[[row for row, verdict in verdicts.items() if verdict != "wrong"]] = False
        counts = list(verdicts.values())
        return Judgement(
            rows=len(rows),
            kinds=_counts(names),
            differing=int(suspect.sum()),
            asked_again=len(selected),
            wrong=len(wrong),
            undecided=counts.count("undecided"),
            knife_edges=counts.count("knife edge"),
            raises=len(raises),
            both_refuse=int((~own_served & ~served).sum()),
            worst=self._worst(expected[is_decided], graph_answers[is_decided], limits),
            boundaries=self._pairs,
            single_precision=self._single,
            findings=tuple(findings),
        )

    def _rows(self, sample: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        draw, space = self._draw, self._space
        plain = sample[draw.permutation(len(sample))[:PLAIN_ROWS]]
        started_s = time.process_time()
        self._owner.answers_or_raises(plain[:PACE_ROWS])
        share = _share(self._seconds / max(time.process_time() - started_s, 1e-4))
        pairs = max(PAIRS_MIN, int(PAIRS_MAX * share))
        resolution = [
            recombine_values(plain, int(ROWS * share), draw),
            mix_rows(plain, int(ROWS * share), draw),
            grid_neighbours(plain, space, int(2 * ROWS * share), draw),
        ]
        pool = np.concatenate([plain, *resolution])
        edges = extremes(plain, space, int(2 * ROWS * share), draw)
        return {
            "plain": plain,
            "resolution": np.concatenate(resolution),
            "boundary": self._boundary_rows(pool, edges, pairs),
            "extreme": edges,
        }

    def _boundary_rows(self, pool: NDArray[np.float64], edges: NDArray[np.float64], pairs: int) -> NDArray[np.float64]:
        """Return the ends of pairs with different labels, and of pairs with different numbers."""
        draw, space = self._draw, self._space
        # Extremes are ends of pairs as well: most of the range is between them and the table.
        wide = np.concatenate([pool, edges])
        parts = []
        for ask, share in self._signatures():
            count = max(PAIRS_MIN // 2, int(pairs * share))
            low, high = candidates(wide if draw.random() < 0.3 else pool, space, 8 * count, draw)
            if not len(low):
                continue
            differing = np.flatnonzero(distance(ask(low), ask(high)) > 0)
            differing = draw.permutation(differing)[:count]
            if not len(differing):
                continue
            low, high = low[differing], high[differing]
            first, second = boundaries(ask, low, high, space)
            first, second = single_steps(ask, first, second, space)
            self._pairs += len(first)
            ends = np.concatenate([first, second])
            transplanted_rows = transplant(
                ends, pool, (np.concatenate([first, first]), np.concatenate([second, second])), draw
            )
            parts += [ends, transplanted_rows]
        return np.concatenate(parts) if parts else pool[:0]

    def _signatures(self) -> list[tuple[AnswerFunction, float]]:
        """Return the functions to bisect, labels and numbers, each with its share of the pairs."""

        def signature(part: Part) -> AnswerFunction:
            def signature_answers(rows: NDArray[np.float64]) -> NDArray[np.float64]:
                answers, errors = self._owner.answers_or_raises(rows, part)
                answers[list(errors)] = RAISES
                return answers

            return signature_answers

        if not self._labelled:
            return [(signature("all"), 1.0)]
        if not self._space.contract.output.probabilities:
            return [(signature("labels"), 1.0)]
        return [(signature("labels"), 0.6), (signature("probabilities"), 0.4)]

    def _graph_answers(self, rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], dict[int, str]]:
        return bisect_errors(
            lambda indices: self._graph.answers(rows[indices]), len(rows), max(len(rows), 1), GraphError
        )

    def _limits(self, plain: NDArray[np.float64]) -> Limits:
        limit = FLOAT32_LIMIT if self._single else LIMIT
        typical = np.abs(plain[np.isfinite(plain).all(axis=1)])
        width = plain.shape[1]
        return Limits(limit, limit, typical.mean(axis=0) if len(typical) else np.zeros(width), self._labelled)

    def _select_rows(self, suspects: NDArray[np.intp], names: NDArray[np.str_]) -> list[int]:
        """Return a sample of the differing rows of each kind."""
        kinds = sorted(set(names[suspects].tolist()))
        selected: list[int] = []
        for kind in kinds:
            kind_rows = suspects[names[suspects] == kind]
            selected += self._draw.permutation(kind_rows)[: -(-AGAIN_ROWS // len(kinds))].tolist()
        return selected

    def _verdicts(
        self,
        rows: NDArray[np.float64],
        selected: list[int],
        company: NDArray[np.float64],
        limits: Limits,
        graph_answers: NDArray[np.float64],
    ) -> dict[int, str]:
        """Return the result of each selected row: wrong, undecided or knife edge."""
        if not selected:
            return {}
        company = company if len(company) else rows[selected]
        answers = repeated_answers(self._owner, rows[selected], company, self._draw)
        # A row that looks wrong is predicted in two dozen further batches, so that a rare other answer is not missed.
        wrong = [
            index
            for index in range(len(selected))
            if not self._sways(answers[:, index], graph_answers[selected[index]], limits)
        ]
        further_answers = {}
        if wrong:
            suspects = rows[np.array(selected)[wrong]]
            rounds = [repeated_answers(self._owner, suspects, company, self._draw) for _ in range(MORE_ROUNDS)]
            further_answers = dict(zip(wrong, np.concatenate(rounds).swapaxes(0, 1), strict=True))
        verdicts = {}
        for index, row in enumerate(selected):
            if index not in further_answers or self._sways(
                np.concatenate([answers[:, index], further_answers[index]]), graph_answers[row], limits
            ):
                verdicts[row] = "undecided"
                continue
            answer = answers[0, index]
            shares = limits.differences(answer, graph_answers[row])[1:].any() if self._labelled else True
            if shares and self._labelled and couples_probabilities(self._owner.pipeline):
                edge = is_near_stopping_rule(self._owner, self._space, rows[row], graph_answers[row], self._draw)
            else:
                edge = not shares and is_knife_edge(
                    self._owner, self._space, rows[row], float(answer[0]), limits.probability, self._draw
                )
            verdicts[row] = "knife edge" if edge else "wrong"
        return verdicts

    @staticmethod
    def _sways(answers: NDArray[np.float64], graph_answer: NDArray[np.float64], limits: Limits) -> bool:
        """Return True if the answers to one row differ from each other, or one of them equals the graph's answer."""
        return bool(
            limits.differences(answers, answers[:1]).any()
            or not limits.differences(answers, graph_answer[np.newaxis]).any(axis=1).all()
        )

    def _raises(self, row: NDArray[np.float64], kind: str, error: str, graph_answer: NDArray[np.float64]) -> Finding:
        return Finding(
            kind="raises", rows=kind, row=self._space.request_row(row), expected=error, got=graph_answer.tolist()
        )

    def _worst(self, expected: NDArray[np.float64], graph_answers: NDArray[np.float64], limits: Limits) -> float:
        if not len(expected) or expected.shape[1] == int(self._labelled):
            return 0.0
        if self._labelled:
            return float(np.abs(expected[:, 1:] - graph_answers[:, 1:]).max())
        scale = np.maximum(np.maximum(np.abs(expected), np.abs(graph_answers)), limits.typical)
        difference = np.abs(expected - graph_answers)
        return float((difference / np.where(scale == 0, 1.0, scale)).max())


def _share(calls: float) -> float:
    """Return the share of the rows for a pipeline with so many calls in time: 1, a half, a quarter or an eighth.

    The steps are coarse, so that one computer compares the same rows each time.
    """
    share = 1.0
    while share > 1 / 8 and calls < CALLS * share:
        share /= 2
    return share


def _counts(names: NDArray[np.str_]) -> dict[str, int]:
    kinds, counts = np.unique(names, return_counts=True)
    return dict(zip(kinds.tolist(), counts.tolist(), strict=True))
