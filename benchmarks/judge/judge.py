"""The judge: a pipeline, its contract and its graph, compared on rows that are meant to part them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.judge.again import Limits, answers_again, is_beside_a_stop, is_knife_edge
from benchmarks.judge.ask import GraphAnswers, GraphError, Owner, Part, servable
from benchmarks.judge.classes import couples
from benchmarks.judge.judgement import Finding, Judgement
from benchmarks.judge.rows import extremes, grid_neighbours, mixed, recombined
from benchmarks.judge.search import (
    RAISES,
    Ask,
    boundaries,
    candidates,
    distance,
    single_steps,
    transplanted,
)
from benchmarks.judge.space import Space
from bundle.contract import Contract

LIMIT = 1e-9
"""The largest relative difference of a number, and the largest difference of a probability."""
SINGLE_LIMIT = 1e-5
"""The same if the pipeline computes in float32."""
AGAIN_ROWS = 24
"""About how many differing rows scikit-learn is asked again."""
MORE_ROUNDS = 2
"""How many times more scikit-learn is asked about rows that look wrong, each time alone and in a dozen batches."""
FINDINGS = 6
"""How many wrong rows are told."""
SECONDS = 6.0
"""About how long the search may take."""
PAIRS_MAX, PAIRS_MIN = 240, 24
PLAIN_ROWS = 800
ROWS = 800
"""How many recombined rows a fast pipeline gets; twice as many neighbours on the grid, and extremes."""
PACE_ROWS = 200
"""With how many rows it is measured how long a pipeline takes."""
CALLS = 100
"""About how many calls with so many rows a judgement takes, before scikit-learn is asked again."""
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
        contract: what a request may hold.
        sample: rows of the table, a column for each feature: numbers, booleans, and texts with NaN or None for missing.
        dtypes: the types of the columns of the frame that the pipeline was fitted on, if they matter to it.
        missing_text: how the pipeline's owner writes a missing text: NaN or None.
        seconds: about how long the search may take.
        seed: the same seed gives the same rows.
    """
    with threadpool_limits(1):
        space = Space.of(contract, sample, dtypes or {}, missing_text)
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
        got, graph_errors = self._graph_answers(rows)
        raised = np.zeros(len(rows), dtype=bool)
        raised[list(errors)] = True
        limits = self._limits(expected[(names == "plain") & ~raised])
        served = servable(got, self._space.contract)
        if got.shape[1] != expected.shape[1]:
            first = Finding(
                kind="answer",
                rows="plain",
                row=self._space.shown(rows[0]),
                expected=expected[0].tolist(),
                got=got[0].tolist(),
            )
            return Judgement(
                rows=len(rows), kinds=_counts(names), differing=len(rows), wrong=len(rows), findings=(first,)
            )
        own_served = servable(expected, self._space.contract) & ~raised
        apart = limits.apart(expected, got)
        # What neither side would serve is refused by the service either way.
        suspect = apart.any(axis=1) & ~raised & (own_served | served)
        raises = np.flatnonzero(raised & served)
        findings = [self._raises(rows[at], str(names[at]), errors[int(at)], got[at]) for at in raises[:FINDINGS]]
        chosen = self._some(np.flatnonzero(suspect), names)
        steady = np.flatnonzero(~raised & own_served)
        verdicts = self._again(rows, chosen, rows[steady], limits, got)
        wrong = [at for at, verdict in verdicts.items() if verdict == "wrong"]
        for at in wrong[:FINDINGS]:
            label = self._labelled and bool(apart[at, 0])
            findings.append(
                Finding(
                    kind="graph raises" if at in graph_errors else "label" if label else "answer",
                    rows=str(names[at]),
                    row=self._space.shown(rows[at]),
                    expected=expected[at].tolist(),
                    got=graph_errors.get(at) or got[at].tolist(),
                )
            )
        decided = np.ones(len(rows), dtype=bool)
        decided[raised | ~own_served | ~served] = False
        decided[[at for at, verdict in verdicts.items() if verdict != "wrong"]] = False
        counts = list(verdicts.values())
        return Judgement(
            rows=len(rows),
            kinds=_counts(names),
            differing=int(suspect.sum()),
            asked_again=len(chosen),
            wrong=len(wrong),
            undecided=counts.count("undecided"),
            knife_edges=counts.count("knife edge"),
            raises=len(raises),
            both_refuse=int((~own_served & ~served).sum()),
            worst=self._worst(expected[decided], got[decided], limits),
            boundaries=self._pairs,
            single_precision=self._single,
            findings=tuple(findings),
        )

    def _rows(self, sample: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        draw, space = self._draw, self._space
        plain = sample[draw.permutation(len(sample))[:PLAIN_ROWS]]
        began = time.process_time()
        self._owner.answers_or_raises(plain[:PACE_ROWS])
        share = _share(self._seconds / max(time.process_time() - began, 1e-4))
        pairs = max(PAIRS_MIN, int(PAIRS_MAX * share))
        resolution = [
            recombined(plain, int(ROWS * share), draw),
            mixed(plain, int(ROWS * share), draw),
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
        # Extremes are ends of pairs as well: most of the range lies between them and the table.
        wide = np.concatenate([pool, edges])
        made = []
        for ask, share in self._signatures():
            count = max(PAIRS_MIN // 2, int(pairs * share))
            low, high = candidates(wide if draw.random() < 0.3 else pool, space, 8 * count, draw)
            if not len(low):
                continue
            parted = np.flatnonzero(distance(ask(low), ask(high)) > 0)
            parted = draw.permutation(parted)[:count]
            if not len(parted):
                continue
            low, high = low[parted], high[parted]
            first, second = boundaries(ask, low, high, space)
            first, second = single_steps(ask, first, second, space)
            self._pairs += len(first)
            ends = np.concatenate([first, second])
            moved = transplanted(ends, pool, (np.concatenate([first, first]), np.concatenate([second, second])), draw)
            made += [ends, moved]
        return np.concatenate(made) if made else pool[:0]

    def _signatures(self) -> list[tuple[Ask, float]]:
        """Return what is bisected, with its share of the pairs: labels, and numbers."""

        def signature(part: Part) -> Ask:
            def ask(rows: NDArray[np.float64]) -> NDArray[np.float64]:
                answers, errors = self._owner.answers_or_raises(rows, part)
                answers[list(errors)] = RAISES
                return answers

            return ask

        if not self._labelled:
            return [(signature("all"), 1.0)]
        if not self._space.contract.output.probabilities:
            return [(signature("labels"), 1.0)]
        return [(signature("labels"), 0.6), (signature("probabilities"), 0.4)]

    def _graph_answers(self, rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], dict[int, str]]:
        try:
            return self._graph.answers(rows), {}
        except GraphError:
            pass
        width, parts, errors = 1, [], {}
        pending = [np.arange(len(rows))]
        while pending:
            places = pending.pop()
            try:
                parts.append((places, self._graph.answers(rows[places])))
            except GraphError as error:
                if len(places) == 1:
                    errors[int(places[0])] = str(error)
                else:
                    pending += [places[: len(places) // 2], places[len(places) // 2 :]]
        if parts:
            width = parts[0][1].shape[1]
        answers = np.full((len(rows), width), np.nan)
        for places, part in parts:
            answers[places] = part
        return answers, errors

    def _limits(self, plain: NDArray[np.float64]) -> Limits:
        limit = SINGLE_LIMIT if self._single else LIMIT
        typical = np.abs(plain[np.isfinite(plain).all(axis=1)])
        width = plain.shape[1]
        return Limits(limit, limit, typical.mean(axis=0) if len(typical) else np.zeros(width), self._labelled)

    def _some(self, suspects: NDArray[np.intp], names: NDArray[np.str_]) -> list[int]:
        """Return some of the differing rows, of each kind of rows."""
        kinds = sorted(set(names[suspects].tolist()))
        chosen: list[int] = []
        for kind in kinds:
            mine = suspects[names[suspects] == kind]
            chosen += self._draw.permutation(mine)[: -(-AGAIN_ROWS // len(kinds))].tolist()
        return chosen

    def _again(
        self,
        rows: NDArray[np.float64],
        chosen: list[int],
        company: NDArray[np.float64],
        limits: Limits,
        got: NDArray[np.float64],
    ) -> dict[int, str]:
        """Return the verdict on each of the chosen rows: wrong, undecided or knife edge."""
        if not chosen:
            return {}
        company = company if len(company) else rows[chosen]
        again = answers_again(self._owner, rows[chosen], company, self._draw)
        # What looks wrong is asked about in two dozen batches more, so that a rare other answer is not missed.
        wrong = [place for place in range(len(chosen)) if not self._sways(again[:, place], got[chosen[place]], limits)]
        more = {}
        if wrong:
            suspects = rows[np.array(chosen)[wrong]]
            rounds = [answers_again(self._owner, suspects, company, self._draw) for _ in range(MORE_ROUNDS)]
            more = dict(zip(wrong, np.concatenate(rounds).swapaxes(0, 1), strict=True))
        verdicts = {}
        for place, at in enumerate(chosen):
            if place not in more or self._sways(np.concatenate([again[:, place], more[place]]), got[at], limits):
                verdicts[at] = "undecided"
                continue
            answer = again[0, place]
            shares = limits.apart(answer, got[at])[1:].any() if self._labelled else True
            if shares and self._labelled and couples(self._owner.pipeline):
                edge = is_beside_a_stop(self._owner, self._space, rows[at], got[at], self._draw)
            else:
                edge = not shares and is_knife_edge(
                    self._owner, self._space, rows[at], float(answer[0]), limits.probability, self._draw
                )
            verdicts[at] = "knife edge" if edge else "wrong"
        return verdicts

    @staticmethod
    def _sways(answers: NDArray[np.float64], got: NDArray[np.float64], limits: Limits) -> bool:
        """Whether some answers to one row differ from each other, or one of them is the graph's."""
        return bool(
            limits.apart(answers, answers[:1]).any() or not limits.apart(answers, got[np.newaxis]).any(axis=1).all()
        )

    def _raises(self, row: NDArray[np.float64], kind: str, error: str, got: NDArray[np.float64]) -> Finding:
        return Finding(kind="raises", rows=kind, row=self._space.shown(row), expected=error, got=got.tolist())

    def _worst(self, expected: NDArray[np.float64], got: NDArray[np.float64], limits: Limits) -> float:
        if not len(expected) or expected.shape[1] == int(self._labelled):
            return 0.0
        if self._labelled:
            return float(np.abs(expected[:, 1:] - got[:, 1:]).max())
        scale = np.maximum(np.maximum(np.abs(expected), np.abs(got)), limits.typical)
        difference = np.abs(expected - got)
        return float((difference / np.where(scale == 0, 1.0, scale)).max())


def _share(calls: float) -> float:
    """Return which share of the rows a pipeline gets that answers so many calls in time: 1, a half, a quarter, an eighth.

    Coarse steps, so that one machine judges the same rows each time.
    """
    share = 1.0
    while share > 1 / 8 and calls < CALLS * share:
        share /= 2
    return share


def _counts(names: NDArray[np.str_]) -> dict[str, int]:
    kinds, counts = np.unique(names, return_counts=True)
    return dict(zip(kinds.tolist(), counts.tolist(), strict=True))
