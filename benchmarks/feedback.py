"""Is live quality right after 100,000 truths that come late, out of order, twice, corrected, or for unknown requests?

The rows are written to a file as the prediction log has them, and the truths to another file. The truths are sent to the part of
the monitor that takes feedback, with a simulated clock over 60 days and a restart in the middle. Then the live RMSE and MAE are
compared with those computed from the two files alone: they must be equal to the last digit. All counts must add up.

Prints the figures as JSON. The exit code is 1 if something differs.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import math
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from monitoring.feedback.database import open_database
from monitoring.feedback.part import Feedback
from monitoring.feedback.predictions import RowKey
from monitoring.feedback.store import FeedbackStore
from monitoring.quality.part import LiveQuality
from monitoring.rows import MonitoredModel
from monitoring.settings import MonitoringSettings
from tabento.bundle.contract import Contract
from tabento.bundle.reference import NumberDistribution, Reference
from tabento.bundle.timestamp import timestamp_text

START_S = 1_790_000_000.0
DAY_S = 86_400.0
DAYS = 60
LATEST_DAYS = 42
"""A truth is known at most six weeks after its prediction."""
SHARE_TWICE, SHARE_CORRECTED, SHARE_OUTDATED, SHARE_UNKNOWN, SHARE_EARLY = 0.1, 0.05, 0.02, 0.01, 0.01
PER_REQUEST = 500
ROWS_PER_PREDICTION = 4


@dataclass(frozen=True)
class SentTruth:
    """One truth on its way to the service."""

    key: RowKey
    value: float
    time_s: float
    arrival_s: float


class FileLog:
    """A prediction log in one file: JSON lines, with the offset of each row in memory.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b")
        self._offsets: dict[RowKey, int] = {}

    def add(self, records: Iterable[dict[str, Any]]) -> None:
        """Append records of rows."""
        self._file.seek(0, 2)
        for record in records:
            self._offsets[record["request_id"], record["row"]] = self._file.tell()
            self._file.write(json.dumps(record).encode() + b"\n")

    def find(self, keys: Iterable[RowKey]) -> dict[RowKey, list[dict[str, Any]]]:
        """Return the records of rows, as ``monitoring.log.reader.find_answers`` does."""
        records = {}
        for key in keys:
            if key in self._offsets:
                self._file.seek(self._offsets[key])
                records[key] = [json.loads(self._file.readline())]
        return records

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def invented_model() -> MonitoredModel:
    """Return a regression of one number and one category."""
    contract = Contract.model_validate(
        {
            "name": "flats",
            "title": "Flats",
            "description": "Invented rents.",
            "task": "regression",
            "features": [
                {"name": "area", "type": "number", "minimum": 0, "maximum": 1000},
                {"name": "district", "type": "category", "categories": ["north", "south", "west"]},
            ],
            "output": {"name": "rent", "unit": "euro", "description": "Rent."},
        }
    )
    numbers = NumberDistribution(
        count=100,
        null_rate=0,
        mean=50,
        std=10,
        minimum=0,
        maximum=1000,
        p05=20,
        p50=50,
        p95=90,
        edges=(30.0, 50.0, 70.0),
        shares=(0.25, 0.25, 0.25, 0.25),
    )
    reference = Reference(features={"area": numbers}, prediction=numbers, target=numbers)
    metrics = {"rmse": 100.0, "mae": 80.0, "test_rows": 5000}
    return MonitoredModel("flats", "v1", "champion", contract, reference, metrics, Path(), 2, 10.0)


def invented_records(count: int, generator: np.random.Generator) -> list[dict[str, Any]]:
    """Return rows as the prediction log has them, four to a request, in the order of their times."""
    times = np.sort(generator.uniform(START_S, START_S + DAYS * DAY_S, -(-count // ROWS_PER_PREDICTION)))
    areas, districts = generator.lognormal(4, 0.4, count), generator.integers(0, 3, count)
    answers = areas * 11.3 + generator.normal(0, 30, count)
    return [
        {
            "time": timestamp_text(round(float(times[index // ROWS_PER_PREDICTION]), 6)),
            "request_id": f"rq-{index // ROWS_PER_PREDICTION:x}",
            "row": index % ROWS_PER_PREDICTION,
            "model": "flats",
            "version": "v1",
            "variant": "champion",
            "features": {"area": float(areas[index]), "district": ("north", "south", "west")[districts[index]]},
            "prediction": float(answers[index]),
            "time_s": float(times[index // ROWS_PER_PREDICTION]),
        }
        for index in range(count)
    ]


def invented_truths(records: Sequence[dict[str, Any]], generator: np.random.Generator) -> list[SentTruth]:
    """Return the truths of all rows and the noise around them, in the order of their arrivals."""
    truths: list[SentTruth] = []
    for record in records:
        key = (record["request_id"], record["row"])
        value = record["prediction"] + float(generator.standard_t(5) * 80)
        time_s = record["time_s"] + float(generator.uniform(1, LATEST_DAYS * DAY_S))
        # A truth is known at one time and sent at another, so arrivals are not in the order of the times.
        arrival_s = time_s + float(generator.exponential(DAY_S))
        truths.append(SentTruth(key, value, time_s, arrival_s))
        draw = generator.random()
        if draw < SHARE_TWICE:
            truths.append(SentTruth(key, value, time_s, arrival_s + float(generator.exponential(DAY_S))))
        elif draw < SHARE_TWICE + SHARE_CORRECTED:
            truths.append(SentTruth(key, value + 7.25, time_s + DAY_S, arrival_s + 2 * DAY_S))
        elif draw < SHARE_TWICE + SHARE_CORRECTED + SHARE_OUTDATED:
            truths.append(SentTruth(key, value - 3.5, time_s - 0.5, arrival_s + 2 * DAY_S))
        if generator.random() < SHARE_UNKNOWN:
            truths.append(SentTruth((f"lost-{len(truths)}", 0), value, time_s, arrival_s))
        if generator.random() < SHARE_EARLY:
            # It comes again at once, before the log has the row: this arrival is the first one.
            truths.append(SentTruth(key, value, time_s, record["time_s"] + 1e-3))
    return sorted(truths, key=lambda truth: truth.arrival_s)


def write_truths(path: Path, truths: Sequence[SentTruth]) -> None:
    """Write the truths as a file of CSV in the order of their arrivals."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("request_id", "row", "truth", "time_s"))
        writer.writerows((*truth.key, repr(truth.value), repr(truth.time_s)) for truth in truths)


def errors_of_files(log: Path, truths: Path) -> list[float]:
    """Return actual minus predicted value of each row with a truth, from the files alone; the truth known last counts."""
    latest: dict[RowKey, tuple[float, float]] = {}
    with truths.open(encoding="utf-8", newline="") as file:
        for cells in csv.DictReader(file):
            key, time_s = (cells["request_id"], int(cells["row"])), float(cells["time_s"])
            if key not in latest or time_s >= latest[key][0]:
                latest[key] = (time_s, float(cells["truth"]))
    errors = []
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            pair = latest.get((record["request_id"], record["row"]))
            if pair is not None:
                errors.append(pair[1] - record["prediction"])
    return errors


class Replay:
    """The feedback of one service on a simulated clock.

    Args:
        folder: the folder of the store and of the files.
        url: the Postgres of feedback; None for SQLite.
    """

    def __init__(self, folder: Path, url: str | None) -> None:
        self._folder, self._url = folder, url
        self._settings = MonitoringSettings(monitoring_folder=folder, feedback_recent_rows=0)
        self.log = FileLog(folder / "log.jsonl")
        self.now_s = START_S
        self.sums: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.part = self._start()

    def _start(self) -> Feedback:
        part = Feedback(self._settings, self._store(), self.log.find, clock=lambda: self.now_s)
        part.add_model(invented_model())
        return part

    def _store(self) -> FeedbackStore:
        return FeedbackStore(open_database(self._folder, self._url))

    def restart(self) -> None:
        """End the part, and start another one."""
        self._count_late_joins()
        self.part.close()
        self.part = self._start()

    def send(self, truths: Sequence[SentTruth]) -> None:
        """Send one request."""
        self.now_s = truths[-1].arrival_s
        items = [
            {"request_id": t.key[0], "row": t.key[1], "truth": t.value, "time": min(t.time_s, self.now_s + DAY_S)}
            for t in truths
        ]
        content = json.dumps(items).encode()
        start_s = time.perf_counter()
        answer = json.loads(asyncio.run(self.part.answer("feedback", {}, content)).content)
        self.seconds.append(time.perf_counter() - start_s)
        self.sums.update({name: answer[name] for name in ("received", "new", "duplicates", "corrections", "outdated")})
        self.sums["joined at once"] += answer["joined"]

    def end(self) -> dict[str, Any]:
        """Join the truths that waited, and return the answer of ``GET /quality``."""
        self.log.add([])
        for _ in range(2):
            self.now_s += DAY_S
            self.part._keep_up(self.now_s)
        self._count_late_joins()
        self.part.close()
        quality = LiveQuality(self._settings, self._store(), clock=lambda: self.now_s)
        content: dict[str, Any] = json.loads(asyncio.run(quality.answer("quality", {"window": "all"}, b"")).content)
        quality.close()
        self.log.close()
        return content

    def _count_late_joins(self) -> None:
        self.sums["joined"] += int(self.part.numbers()["tabento_feedback"].get(("joined",), 0))


def parts_of(truths: Iterable[SentTruth], size: int) -> Iterator[list[SentTruth]]:
    """Yield requests of truths."""
    iterator = iter(truths)
    while part := list(islice(iterator, size)):
        yield part


def run(count: int, folder: Path, url: str | None = None, seed: int = 0) -> dict[str, Any]:
    """Return the figures of one run.

    Args:
        count: the number of predicted rows.
        folder: an empty folder for the files.
        url: the Postgres of feedback; None for SQLite.
        seed: the seed of rows and truths.
    """
    generator = np.random.default_rng(seed)
    records = invented_records(count, generator)
    truths = invented_truths(records, generator)
    # Early truths would be more than a day ahead of the clock: their time is when they were sent.
    truths = [
        SentTruth(t.key, t.value, min(t.time_s, t.arrival_s) if t.arrival_s < t.time_s else t.time_s, t.arrival_s)
        for t in truths
    ]
    write_truths(folder / "truths.csv", truths)
    replay = Replay(folder, url)
    logged = 0
    requests = list(parts_of(truths, PER_REQUEST))
    for index, request in enumerate(requests):
        # The log has the rows up to the start of this request's arrivals, so early truths have to wait.
        end = logged
        while end < count and records[end]["time_s"] < request[0].arrival_s:
            end += 1
        replay.log.add(records[logged:end])
        logged = end
        if index == len(requests) // 2:
            replay.restart()
        replay.send(request)
    replay.log.add(records[logged:])
    answer = replay.end()
    errors = errors_of_files(folder / "log.jsonl", folder / "truths.csv")
    metrics = answer["models"][0]["targets"][0]["metrics"]
    expected = {
        "rmse": math.sqrt(math.fsum(error * error for error in errors) / len(errors)),
        "mae": math.fsum(map(abs, errors)) / len(errors),
    }
    live = {name: metrics[name]["value"] for name in expected}
    n_lost = len({truth.key for truth in truths if truth.key[0].startswith("lost-")})
    sums, feedback = replay.sums, answer["feedback"]
    checks = {
        "RMSE and MAE are equal to the last digit": live == expected,
        "every truth is counted once": sums["received"]
        == len(truths)
        == sums["new"] + sums["duplicates"] + sums["corrections"] + sums["outdated"],
        "every known row is joined": feedback["joined"] == answer["models"][0]["rows"] == sums["joined"] == count,
        "every unknown id waits": feedback["waiting"] == n_lost,
    }
    return {
        "rows": count,
        "truths": len(truths),
        **sums,
        "joined later": sums["joined"] - sums["joined at once"],
        "unknown ids": n_lost,
        "live": live,
        "from the files": expected,
        "truths per second": round(len(truths) / sum(replay.seconds)),
        "p99 of a request with 500 truths in ms": round(1000 * float(np.quantile(replay.seconds, 0.99)), 1),
        "checks": checks,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.feedback", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", type=int, default=85_000, help="predicted rows; there are about 1.19 truths a row")
    parser.add_argument("--url", help="the URL of an empty Postgres; by default SQLite in a temporary folder")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        figures = run(options.rows, Path(folder), options.url)
    print(json.dumps(figures, indent=2))
    return 0 if all(figures["checks"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
