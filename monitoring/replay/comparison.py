"""The comparison of logged answers with the answers of a replay: bits, differences, changed labels and the worst rows."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitoring.replay.answers import label_text
from tabento.bundle.contract import Contract

Floats = NDArray[np.float64]
QUANTILES = (0.05, 0.5, 0.95, 0.99)
CHANGES_SHOWN = 100
"""The number of kinds of changed labels that a report lists."""


@dataclass(frozen=True)
class AnswerColumn:
    """One number of an answer."""

    name: str
    classes: tuple[Any, ...] | None = None
    """The labels, if the number is the index of one."""


def answer_columns(contract: Contract) -> list[AnswerColumn]:
    """Return the columns of a graph's answers, followed by the two ends of an interval if the contract has intervals."""
    output = contract.output
    if output.targets is not None:
        return [AnswerColumn(target.name, target.classes) for target in output.targets]
    columns = [AnswerColumn(output.name, output.classes)]
    if output.classes is not None and output.probabilities:
        columns += [AnswerColumn(f"probability of {label_text(label)}") for label in output.classes]
    if output.interval is not None:
        columns += [AnswerColumn("interval lower"), AnswerColumn("interval upper")]
    return columns


def different_bits(first: Floats, second: Floats) -> NDArray[np.bool_]:
    """Return the rows of two arrays of shape (N, W) that differ in a bit. Any two NaN are equal."""
    differ = first.view(np.uint64) != second.view(np.uint64)
    both_nan = np.isnan(first) & np.isnan(second)
    rows: NDArray[np.bool_] = (differ & ~both_nan).any(axis=1)
    return rows


class Comparison:
    """The answers of one bundle against the log.

    Args:
        tag: the tag of the bundle that answers again.
        contract: its contract.
        n_worst: the number of rows with the largest differences that are kept.
    """

    def __init__(self, tag: str, contract: Contract, n_worst: int = 10) -> None:
        self.tag = tag
        self.columns = answer_columns(contract)
        self.rows = 0
        self.differing = 0
        """The number of rows that differ in a bit."""
        self.batch_dependent = 0
        """The number of further rows that differ together with other rows, and are equal alone."""
        self.skipped: Counter[str] = Counter()
        """The number of rows that could not be answered again, by reason."""
        self.versions: Counter[str] = Counter()
        """The number of answered rows by the version in the log."""
        self._n_worst = n_worst
        self._n_kept = 0
        self._worst: list[tuple[float, int, dict[str, Any]]] = []
        self._differences: list[list[Floats]] = [[] for _ in self.columns]
        self._changes: list[Counter[tuple[str, str]]] = [Counter() for _ in self.columns]

    def add(self, records: Sequence[dict[str, Any]], logged: Floats, new_answers: Floats) -> None:
        """Count N rows.

        Args:
            records: their records.
            logged: the logged answers of shape (N, W).
            new_answers: the new answers of shape (N, W).
        """
        self.rows += len(records)
        self.versions.update(record["version"] for record in records)
        differing = different_bits(logged, new_answers)
        if not differing.any():
            return
        indices = np.flatnonzero(differing)
        self.differing += len(indices)
        logged, new_answers = logged[indices], new_answers[indices]
        severity = np.zeros(len(indices))
        for index, column in enumerate(self.columns):
            first, second = logged[:, index], new_answers[:, index]
            if column.classes is None:
                difference = second - first
                self._differences[index].append(difference[difference != 0])
                # A number in place of none, or none in place of a number, is the worst difference.
                severity = np.maximum(severity, np.where(np.isnan(difference), np.inf, np.abs(difference)))
            else:
                changed = first != second
                for row in np.flatnonzero(changed).tolist():
                    record = records[int(indices[row])]
                    self._changes[index][_logged_label(record, column), _label(column, float(second[row]))] += 1
                # Changed labels come before all differences of probabilities.
                severity = severity + np.where(changed, 1e300, 0.0)
        for row in np.argsort(-severity, kind="stable")[: self._n_worst].tolist():
            self._keep(float(severity[row]), records[int(indices[row])], new_answers[row])

    def _keep(self, severity: float, record: dict[str, Any], new_answers: Floats) -> None:
        entry: dict[str, Any] = {
            name: record[name] for name in ("request_id", "row", "time", "version") if name in record
        }
        entry["logged"] = record["prediction"]
        answers = {
            column.name: float(number) if column.classes is None else _class(column, float(number))
            for column, number in zip(self.columns, new_answers.tolist(), strict=True)
        }
        # The order of equal differences is the order of the log.
        self._n_kept += 1
        heapq.heappush(self._worst, (severity, -self._n_kept, entry | {"answered": answers}))
        if len(self._worst) > self._n_worst:
            heapq.heappop(self._worst)

    def report(self) -> dict[str, Any]:
        """Return the counts and distributions as JSON has them. A difference is the new answer minus the logged one."""
        numbers, labels = {}, {}
        for index, column in enumerate(self.columns):
            if column.classes is None:
                numbers[column.name] = self._number_report(self._differences[index])
            else:
                changes = self._changes[index]
                labels[column.name] = {
                    "changed": changes.total(),
                    "changes": [
                        {"from": old, "to": new, "rows": count}
                        for (old, new), count in changes.most_common(CHANGES_SHOWN)
                    ],
                }
        worst = sorted(self._worst, key=lambda entry: entry[:2], reverse=True)
        return {
            "bundle": self.tag,
            "rows": self.rows,
            "versions": dict(self.versions),
            "differing": self.differing,
            "batch_dependent": self.batch_dependent,
            "skipped": dict(self.skipped),
            "numbers": numbers,
            "labels": labels,
            "worst": [entry for _, _, entry in worst],
        }

    def _number_report(self, parts: list[Floats]) -> dict[str, Any]:
        differences = np.concatenate([*parts, np.zeros(0)])
        finite = differences[np.isfinite(differences)]
        n_equal = self.rows - len(differences)
        report: dict[str, Any] = {"changed": len(differences), "without_number": len(differences) - len(finite)}
        if not len(finite):
            return report
        every = np.concatenate((finite, np.zeros(n_equal)))
        quantiles = np.quantile(every, QUANTILES).tolist()
        return report | {
            "mean": float(every.mean()),
            "mean_absolute": float(np.abs(every).mean()),
            "largest_absolute": float(np.abs(every).max()),
            **{f"p{round(share * 100):02d}": value for share, value in zip(QUANTILES, quantiles, strict=True)},
        }


def _class(column: AnswerColumn, index: float) -> Any:
    classes = column.classes or ()
    return classes[int(index)] if index in range(len(classes)) else None


def _label(column: AnswerColumn, index: float) -> str:
    return label_text(_class(column, index))


def _logged_label(record: dict[str, Any], column: AnswerColumn) -> str:
    prediction = record["prediction"]
    return label_text(prediction.get(column.name) if isinstance(prediction, dict) else prediction)
