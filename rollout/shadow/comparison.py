"""The comparison of both versions' answers to the same rows."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import nan, prod, sqrt
from statistics import median

import numpy as np

from rollout.answers import AnswerForm, Numbers
from rollout.shadow.batch import ShadowBatch, ShadowRequest
from rollout.shadow.worst_rows import WorstRow, WorstRows
from rollout.tally import ArmTally
from runners.work import Values
from tabento.ab_test.pairs import PairCounts

COMPARED_ROWS = 256
"""The number of rows that are compared together."""
MIN_RATIOS, MAX_RATIOS = 10, 50
"""The number of compared batches in each order of both models from which the ratio of costs is known, and the number of the latest ones
that count."""
SHORTEST_S = 1e-6
"""The estimated latency of a challenger is not shorter."""


class ShadowComparison:
    """Counts the differences of the answers, and the challenger's errors and latencies.

    No client waits for a challenger in the shadow, so its latency is estimated: the champion's latency of the same request, with the
    champion's time in the model multiplied by the ratio of the costs of both. The model that runs first finds colder caches, and may need
    several times its time for a small batch. The ratio is therefore the geometric mean of two medians over batches that both have
    run: of those that the champion ran first, and of those that the challenger ran first. Until it is known, latencies do not count.

    Args:
        form: the form of the champion's answers.
        maps: the result of ``AnswerForm.label_map`` for the challenger.
        difference: the difference above which a row counts as different.
    """

    def __init__(
        self,
        form: AnswerForm,
        maps: Sequence[Numbers | None],
        difference: float,
    ) -> None:
        self._form = form
        self._maps = maps
        self._difference = difference
        self._ratios: dict[bool, deque[float]] = {first: deque(maxlen=MAX_RATIOS) for first in (False, True)}
        self.champion = ArmTally(form)
        """The counts of the champion: of the requests that the challenger got as well."""
        self.challenger = ArmTally(form, maps)
        """The counts of the challenger."""
        self.pairs = PairCounts()
        """The counts of the compared rows."""
        self.worst = WorstRows()
        """The rows of the largest differences."""
        self._waiting: list[tuple[ShadowRequest, Values | None]] = []
        self._n_waiting = 0
        self.failed_rows = 0
        """The number of rows of requests that the challenger failed."""

    @property
    def cost_ratio(self) -> float | None:
        """The challenger's time in the model as a multiple of the champion's; None before enough batches were compared."""
        if any(len(ratios) < MIN_RATIOS for ratios in self._ratios.values()):
            return None
        return sqrt(prod(median(ratios) for ratios in self._ratios.values()))

    def add(self, batch: ShadowBatch) -> None:
        """Take the answers of a batch; those of several batches are compared together, which costs less."""
        if batch.champion_s:
            self._ratios[batch.champion_first].append(batch.seconds / batch.champion_s)
        self._waiting += zip(batch.requests, batch.answers, strict=True)
        self._n_waiting += batch.rows
        if self._n_waiting >= COMPARED_ROWS:
            self.flush()

    def flush(self) -> None:
        """Compare the answers that were not compared yet."""
        if not self._waiting:
            return
        waiting, self._waiting, self._n_waiting = self._waiting, [], 0
        ratio = self.cost_ratio
        compared: list[ShadowRequest] = []
        answers: list[Values] = []
        latencies_s: list[float] = []
        self.champion.add(
            [request.values for request, _ in waiting],
            [nan if ratio is None else request.latency_s for request, _ in waiting],
        )
        for request, values in waiting:
            if values is None:
                self.challenger.errors += 1
                self.failed_rows += request.n_rows
                continue
            compared.append(request)
            answers.append(values)
            latencies_s.append(
                nan if ratio is None else max(request.latency_s + request.batch_s * (ratio - 1.0), SHORTEST_S)
            )
        if not compared:
            return
        self.challenger.add(answers, latencies_s)
        old = self._form.array([value for request in compared for value in request.values])
        new = self._form.array([value for values in answers for value in values], self._maps)
        differences, flips = self._form.differences(old, new)
        self.pairs.observe(differences, flips, self._difference)
        ends = np.cumsum([request.n_rows for request in compared])

        def describe(index: int) -> WorstRow:
            position = int(np.searchsorted(ends, index, side="right"))
            request = compared[position]
            row = index - int(ends[position]) + request.n_rows
            texts = (self._form.text(old[index]), self._form.text(new[index]))
            return WorstRow(float(differences[index]), request.request_id.decode(), row, *texts)

        self.worst.add(differences, describe)
