"""The replay of a log: every logged row is packed, answered again, and compared with its logged answer."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

import numpy as np

from monitoring.replay.answers import Floats, logged_answers
from monitoring.replay.comparison import Comparison, different_bits
from monitoring.replay.errors import ReplayError
from monitoring.replay.graph import Graph
from monitoring.replay.packed_rows import RowPacker
from tabento.bundle.interval import IntervalTable

Record = dict[str, Any]
FindGraph = Callable[[str], Graph]

BLOCK_ROWS = 4_096
"""The number of records that are replayed together."""
ALONE_ROWS = 10_000
"""The number of differing rows that are answered once more, each alone."""
NO_ENDS = (math.nan, math.nan)
NUMBERS_LIMIT = 1 << 22
"""The largest number of numbers of one call of the graph: 32 MB. A row with texts can have ten thousand."""


class Replay:
    """Answers logged rows again.

    Args:
        find_graph: returns the graph of a tag. May raise ReplayError.
        other: the graph that answers all rows; None if each row is answered by the version that answered it.
        n_worst: the number of rows with the largest differences that are reported.
    """

    def __init__(self, find_graph: FindGraph, other: Graph | None = None, n_worst: int = 10) -> None:
        self._find_graph = find_graph
        self._n_worst = n_worst
        self._other = None if other is None else _Player(other, n_worst, checked=True)
        self._players: dict[str, _Player | str] = {}
        self.skipped: Counter[str] = Counter()
        """The number of rows that were not given to any bundle, by reason."""

    @property
    def comparisons(self) -> list[Comparison]:
        """The comparison of each bundle that answered."""
        if self._other is not None:
            return [self._other.comparison]
        return [player.comparison for player in self._players.values() if not isinstance(player, str)]

    def run(self, records: Iterable[Record], progress: Callable[[int], None] | None = None) -> None:
        """Replay records of rows.

        Args:
            records: the records, as ``monitoring.log.reader.read_log`` yields them.
            progress: is called with the number of records that have been read.

        Raises:
            ReplayError: a graph fails on a row.
        """
        n_read = 0
        iterator = iter(records)
        while block := list(islice(iterator, BLOCK_ROWS)):
            records_of: dict[str, list[Record]] = {}
            for record in block:
                if isinstance(record.get("features"), dict) and "prediction" in record:
                    records_of.setdefault(f"{record['model']}:{record['version']}", []).append(record)
                else:
                    self.skipped["the record is not complete"] += 1
            for tag, group in records_of.items():
                if tag not in self._players:
                    self._players[tag] = self._player_of(tag)
                player = self._players[tag]
                if isinstance(player, str):
                    self.skipped[player] += len(group)
                else:
                    player.play(group)
            n_read += len(block)
            if progress is not None:
                progress(n_read)

    def _player_of(self, tag: str) -> _Player | str:
        """Return the player of the rows of a logged tag, or the reason for which they cannot be answered."""
        other = self._other
        if other is None:
            try:
                return _Player(self._find_graph(tag), self._n_worst, checked=False)
            except ReplayError as error:
                return str(error)
        bundle = other.graph.bundle
        if tag.partition(":")[0] != bundle.name:
            return f"{tag} is not a version of {bundle.name}"
        if other.graph.texts is None:
            return other
        # The log has the numbers of the texts, not the texts: they only fit a graph that counts the same words.
        try:
            texts = self._find_graph(tag).texts
        except ReplayError as error:
            return f"the words that {tag} counts in its texts are unknown: {error}"
        return other if texts == other.graph.texts else f"{tag} counts other words in its texts than {bundle.tag}"


class _Player:
    """One bundle that answers rows again.

    Args:
        graph: its graph.
        n_worst: see ``Replay``.
        checked: whether the contract may refuse logged values, because another version accepted them.
    """

    def __init__(self, graph: Graph, n_worst: int, *, checked: bool) -> None:
        contract = graph.bundle.contract
        self.graph = graph
        self.comparison = Comparison(graph.bundle.tag, contract, n_worst)
        self._contract = contract
        self._packer = RowPacker(contract, graph.n_terms, checked=checked)
        self._interval = None if contract.output.interval is None else IntervalTable(contract.output.interval)
        self._block_rows = max(NUMBERS_LIMIT // (len(contract.features) + graph.n_terms), 1)
        self._alone_left = ALONE_ROWS

    def play(self, records: list[Record]) -> None:
        """Answer the rows of records, and compare the answers."""
        for start in range(0, len(records), self._block_rows):
            self._play_block(records[start : start + self._block_rows])

    def _play_block(self, records: list[Record]) -> None:
        try:
            rows, packed_records = self._packer.pack(records, self.comparison.skipped)
            logged = self._logged(packed_records) if packed_records else rows
        except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError):
            # A record that the service did not write. Each is tried alone, so that the others are replayed.
            if len(records) == 1:
                self.comparison.skipped["the record does not fit the contract"] += 1
                return
            for record in records:
                self._play_block([record])
            return
        if packed_records:
            self._compare(rows, packed_records, logged)

    def _compare(self, rows: Floats, records: list[Record], logged: Floats) -> None:
        new_answers = self._answers(rows, records)
        differing = np.flatnonzero(different_bits(logged, new_answers))
        for index in differing[: self._alone_left].tolist():
            alone = self._answers(rows[index : index + 1], records[index : index + 1])
            if not different_bits(logged[index : index + 1], alone).any():
                new_answers[index] = alone[0]
                self.comparison.batch_dependent += 1
        self._alone_left -= min(self._alone_left, len(differing))
        self.comparison.add(records, logged, new_answers)

    def _answers(self, rows: Floats, records: Sequence[Record]) -> Floats:
        answers = self.graph.run(rows)
        table = self._interval
        if table is None:
            return answers
        by = self._contract.interval_column
        # A record without an interval is one of a version that had none: there is nothing to compare.
        ends = [
            table.ends(answer, math.nan if by is None else float(row[by])) if "interval" in record else NO_ENDS
            for answer, row, record in zip(answers[:, 0].tolist(), rows, records, strict=True)
        ]
        return np.hstack((answers, np.array(ends)))

    def _logged(self, records: Sequence[Record]) -> Floats:
        answers = logged_answers(self._contract, records)
        if self._interval is None:
            return answers
        intervals = [record.get("interval") for record in records]
        ends = [NO_ENDS if interval is None else (interval["lower"], interval["upper"]) for interval in intervals]
        return np.hstack((answers, np.array(ends, np.float64)))
