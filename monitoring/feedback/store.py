"""The store of feedback: truths, the predictions that they are joined with, and the models that answered.

A truth is stored once for each row of a request, with the prediction that the client got. The answer of a challenger in the shadow to
the same row is stored beside it. The state of a truth follows from its columns: ``model_id`` is null while the truth waits
for its prediction; afterwards ``actual`` is null if the truth does not fit the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np

from monitoring.feedback.answered_model import AnsweredModel
from monitoring.feedback.database import Database
from monitoring.feedback.errors import FeedbackStoreError
from monitoring.feedback.truths import Truth

FORMAT = 1
"""The number of the tables' format. A store of another format is refused, never changed."""
KEYS_PER_QUERY = 400
RACES = 5
"""The number of attempts if another process stores the same truths at the same moment."""

_TABLES = (
    "CREATE TABLE IF NOT EXISTS tabento_feedback_format (format INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS tabento_models (id {serial}, name TEXT NOT NULL, version TEXT NOT NULL,"
    " digest TEXT NOT NULL, description TEXT NOT NULL, UNIQUE (name, version, digest))",
    "CREATE TABLE IF NOT EXISTS tabento_truths (request_id TEXT NOT NULL, row_number INTEGER NOT NULL, truth TEXT NOT NULL,"
    " time_s {float} NOT NULL, confirmed_s {float} NOT NULL, received_s {float} NOT NULL, corrections INTEGER NOT NULL DEFAULT 0, model_id INTEGER,"
    " variant TEXT, predicted_s {float}, answer {bytes}, slices {bytes}, actual {bytes},"
    " PRIMARY KEY (request_id, row_number))",
    "CREATE INDEX IF NOT EXISTS tabento_truths_by_time ON tabento_truths (model_id, time_s)",
    "CREATE INDEX IF NOT EXISTS tabento_truths_by_prediction ON tabento_truths (model_id, predicted_s)",
    "CREATE TABLE IF NOT EXISTS tabento_shadow_answers (request_id TEXT NOT NULL, row_number INTEGER NOT NULL,"
    " model_id INTEGER NOT NULL, variant TEXT NOT NULL, predicted_s {float} NOT NULL, answer {bytes} NOT NULL,"
    " slices {bytes} NOT NULL, PRIMARY KEY (request_id, row_number, model_id))",
    "CREATE INDEX IF NOT EXISTS tabento_shadow_answers_by_time ON tabento_shadow_answers (model_id, predicted_s)",
    "CREATE INDEX IF NOT EXISTS tabento_truths_waiting ON tabento_truths (received_s) WHERE model_id IS NULL",
)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A truth that does not fit the model that answered its row."""

    request_id: str
    row: int
    expected: str
    """The truths that fit, in words."""


@dataclass(frozen=True, slots=True)
class Additions:
    """The results of a request's truths; the four numbers add up to the number of truths."""

    new: int = 0
    duplicate: int = 0
    """The same truth is stored already."""
    correction: int = 0
    """Another truth was stored, which is replaced."""
    outdated: int = 0
    """Another truth was stored, which became known later; it stays."""
    waiting: tuple[Truth, ...] = ()
    """The stored truths that have no prediction yet."""
    mismatches: tuple[Mismatch, ...] = ()
    """The corrections that do not fit the model that answered their rows."""


@dataclass(frozen=True, slots=True)
class JoinedTruth:
    """A truth with its prediction."""

    request_id: str
    row: int
    text: str
    """The truth as it was read; a truth that was corrected since then is not joined by this object."""
    model_id: int
    variant: str
    predicted_s: float
    answer: bytes
    """The answer, W float64."""
    slices: bytes
    """The codes of the slices, S int16."""
    actual: bytes | None
    """The true values, K float64; None if the truth does not fit the model."""


@dataclass(frozen=True, slots=True)
class WaitingTruth:
    """A truth whose prediction is not known yet."""

    request_id: str
    row: int
    text: str
    received_s: float


class FeedbackStore:
    """The tables of feedback. All methods are called from one thread at a time.

    Every method raises ``FeedbackStoreError`` if the database cannot be used; nothing is then stored.

    Args:
        database: SQLite or Postgres.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._is_prepared = False
        self._models: dict[int, AnsweredModel] = {}

    def add(self, truths: Sequence[Truth], received_s: float) -> Additions:
        """Store truths; a repeated request changes nothing.

        Args:
            truths: in the order of the request. If one row has several truths, the later ones are duplicates or corrections.
            received_s: the Unix time of the request in seconds.
        """
        self._prepare()
        for _ in range(RACES):
            try:
                with self._transaction():
                    return self._add(truths, received_s)
            except _ParallelInsertError:
                continue
        raise FeedbackStoreError("The store of feedback is busy with the same truths from another process. Repeat.")

    def _add(self, truths: Sequence[Truth], received_s: float) -> Additions:
        stored = self._stored({truth.key for truth in truths})
        inserts: dict[tuple[str, int], Truth] = {}
        updates: dict[tuple[str, int], Truth] = {}
        confirmations: dict[tuple[str, int], float] = {}
        new = duplicate = correction = outdated = 0
        for truth in truths:
            key = truth.key
            latest = updates.get(key) or inserts.get(key) or stored.get(key)
            if latest is None:
                inserts[key] = truth
                new += 1
                continue
            confirmed_s = confirmations.get(key, latest.time_s)
            if latest.text == truth.text:
                duplicate += 1
                if truth.time_s > confirmed_s:
                    confirmations[key] = truth.time_s
            elif truth.time_s < confirmed_s:
                outdated += 1
            else:
                (inserts if key in inserts else updates)[key] = truth
                confirmations.pop(key, None)
                correction += 1
        if inserts:
            # All processes write in the order of the keys, so none waits for another in a circle.
            parameters = [(*t.key, t.text, t.time_s, t.time_s, received_s) for _, t in sorted(inserts.items())]
            inserted = self._database.run_many(
                "INSERT INTO tabento_truths (request_id, row_number, truth, time_s, confirmed_s, received_s)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                parameters,
            )
            if inserted != len(inserts):
                raise _ParallelInsertError
        corrected = [(truth, stored[truth.key].model_id) for _, truth in sorted(updates.items())]
        waiting = [*inserts.values(), *(truth for truth, model_id in corrected if model_id is None)]
        mismatches = [self._correct(truth, model_id, received_s) for truth, model_id in corrected]
        if confirmations:
            # A truth that is sent again counts as known until then: an older value that comes later does not replace it.
            self._database.run_many(
                "UPDATE tabento_truths SET confirmed_s = ? WHERE request_id = ? AND row_number = ? AND confirmed_s < ?",
                [(confirmed_s, *key, confirmed_s) for key, confirmed_s in sorted(confirmations.items())],
            )
        return Additions(
            new,
            duplicate,
            correction,
            outdated,
            tuple(waiting),
            tuple(mismatch for mismatch in mismatches if mismatch is not None),
        )

    def _stored(self, keys: set[tuple[str, int]]) -> dict[tuple[str, int], _StoredTruth]:
        """Return the stored truths of some rows."""
        ids = sorted({request_id for request_id, _ in keys})
        stored = {}
        for start in range(0, len(ids), KEYS_PER_QUERY):
            part = ids[start : start + KEYS_PER_QUERY]
            marks = ", ".join("?" * len(part))
            statement = (
                "SELECT request_id, row_number, truth, confirmed_s, model_id FROM tabento_truths"  # noqa: S608 - the columns are constants
                f" WHERE request_id IN ({marks})"
            )
            for request_id, row, text, confirmed_s, model_id in self._database.query(statement, part):
                if (request_id, row) in keys:
                    stored[request_id, row] = _StoredTruth(text, confirmed_s, model_id)
        return stored

    def _correct(self, truth: Truth, model_id: int | None, received_s: float) -> Mismatch | None:
        """Replace a stored truth; return its mismatch if it has a prediction and does not fit the model."""
        model = None if model_id is None else self._model(model_id)
        values = None if model is None else model.actual(truth.text)
        changed = self._database.run(
            "UPDATE tabento_truths SET truth = ?, time_s = ?, confirmed_s = ?, received_s = ?, corrections = corrections + 1, actual = ?"
            " WHERE request_id = ? AND row_number = ? AND confirmed_s <= ?",
            (
                truth.text,
                truth.time_s,
                truth.time_s,
                received_s,
                None if values is None else values.tobytes(),
                *truth.key,
                truth.time_s,
            ),
        )
        if changed != 1:
            raise _ParallelInsertError
        return None if model is None or values is not None else Mismatch(*truth.key, model.expected())

    def waiting(
        self, since_s: float, until_s: float, limit: int, after: tuple[float, str, int] = (-1.0, "", -1)
    ) -> list[WaitingTruth]:
        """Return truths without a prediction, by the time at which they arrived.

        Args:
            since_s: the earliest arrival.
            until_s: the end of the arrivals, exclusive.
            limit: the largest number of truths.
            after: arrival, request id and row of the last truth that the caller has seen.
        """
        self._prepare()
        statement = (
            "SELECT request_id, row_number, truth, received_s FROM tabento_truths WHERE model_id IS NULL"
            " AND received_s >= ? AND received_s < ? AND (received_s, request_id, row_number) > (?, ?, ?)"
            " ORDER BY received_s, request_id, row_number LIMIT ?"
        )
        with self._transaction(write=False):
            return [WaitingTruth(*row) for row in self._database.query(statement, (since_s, until_s, *after, limit))]

    def join(self, joined: Sequence[JoinedTruth], shadows: Sequence[JoinedTruth] = ()) -> int:
        """Store the predictions of truths, and return the number of truths that were still waiting for them.

        Args:
            joined: the truths with the predictions that clients got.
            shadows: truths with further answers to the same rows.
        """
        if not joined:
            return 0
        self._prepare()
        with self._transaction():
            if shadows:
                self._database.run_many(
                    "INSERT INTO tabento_shadow_answers (request_id, row_number, model_id, variant, predicted_s, answer, slices)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    [
                        (t.request_id, t.row, t.model_id, t.variant, t.predicted_s, t.answer, t.slices)
                        for t in sorted(shadows, key=lambda row: (row.request_id, row.row))
                    ],
                )
            return self._database.run_many(
                "UPDATE tabento_truths SET model_id = ?, variant = ?, predicted_s = ?, answer = ?, slices = ?, actual = ?"
                " WHERE request_id = ? AND row_number = ? AND truth = ? AND model_id IS NULL",
                [
                    (t.model_id, t.variant, t.predicted_s, t.answer, t.slices, t.actual, t.request_id, t.row, t.text)
                    for t in sorted(joined, key=lambda row: (row.request_id, row.row))
                ],
            )

    def model_id(self, model: AnsweredModel) -> int:
        """Store a model version, if it is new, and return its number.

        A version whose slices have changed, because other fields are private now, gets another number.
        """
        self._prepare()
        description = msgspec.json.encode(model)
        key = (model.name, model.version, blake2b(description, digest_size=16).hexdigest())
        with self._transaction():
            self._database.run(
                "INSERT INTO tabento_models (name, version, digest, description) VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (*key, description.decode()),
            )
            rows = self._database.query(
                "SELECT id FROM tabento_models WHERE name = ? AND version = ? AND digest = ?", key
            )
        model_id = int(rows[0][0])
        self._models[model_id] = model
        return model_id

    def models(self) -> dict[int, AnsweredModel]:
        """Return all model versions by their numbers."""
        self._prepare()
        with self._transaction(write=False):
            for model_id, description in self._database.query("SELECT id, description FROM tabento_models ORDER BY id"):
                if model_id not in self._models:
                    self._models[model_id] = msgspec.json.decode(description, type=AnsweredModel)
        return dict(sorted(self._models.items()))

    def _model(self, model_id: int) -> AnsweredModel:
        """Return a model version within a transaction."""
        if model_id not in self._models:
            rows = self._database.query("SELECT description FROM tabento_models WHERE id = ?", (model_id,))
            self._models[model_id] = msgspec.json.decode(rows[0][0], type=AnsweredModel)
        return self._models[model_id]

    def counts(self) -> tuple[int, int, int]:
        """Return the numbers of truths that wait for their prediction, have one, and do not fit the model of theirs."""
        self._prepare()
        with self._transaction(write=False):
            rows = self._database.query("SELECT count(*), count(model_id), count(actual) FROM tabento_truths")
        total, n_known, n_fitting = rows[0]
        return total - n_known, n_fitting, n_known - n_fitting

    def newest_s(self) -> float | None:
        """Return the time at which the last truth arrived; None if there is none."""
        self._prepare()
        with self._transaction(write=False):
            newest: float | None = self._database.query("SELECT max(received_s) FROM tabento_truths")[0][0]
        return newest

    def joined_columns(
        self, model_id: int, by: str, since_s: float, until_s: float, limit: int
    ) -> list[tuple[str, float, bytes, bytes, bytes]]:
        """Return variant, time of the prediction, answer, slices and true values of joined truths.

        The answers that clients got are first, then those in the shadow; of both the latest first.

        Args:
            model_id: the number of the model version.
            by: ``prediction`` or ``truth``: the time that the window is about.
            since_s: the start of the window, inclusive.
            until_s: its end, exclusive.
            limit: the largest number of rows of each.
        """
        self._prepare()
        column = {"prediction": "predicted_s", "truth": "time_s"}[by]
        statement = (
            "SELECT variant, predicted_s, answer, slices, actual FROM tabento_truths WHERE model_id = ?"  # noqa: S608 - the columns are constants
            f" AND {column} >= ? AND {column} < ? AND actual IS NOT NULL ORDER BY {column} DESC LIMIT ?"
        )
        time = f"{'s' if by == 'prediction' else 't'}.{column}"
        in_shadow = (
            "SELECT s.variant, s.predicted_s, s.answer, s.slices, t.truth FROM tabento_shadow_answers s"  # noqa: S608 - the columns are constants
            " JOIN tabento_truths t ON t.request_id = s.request_id AND t.row_number = s.row_number WHERE s.model_id = ?"
            f" AND {time} >= ? AND {time} < ? ORDER BY {time} DESC LIMIT ?"
        )
        parameters = (model_id, since_s, until_s, limit)
        with self._transaction(write=False):
            rows = self._database.query(statement, parameters)
            shadow_rows = self._database.query(in_shadow, parameters)
            # The truth may have been corrected since, and the versions may order their classes differently.
            model = self._model(model_id) if shadow_rows else None
        for variant, predicted_s, answer, slices, text in shadow_rows:
            actual = None if model is None else model.actual(text)
            if actual is not None:
                rows.append((variant, predicted_s, answer, slices, actual.tobytes()))
        return rows

    def first_answer_s(self, model_id: int, variant: str) -> float | None:
        """Return the time of the first answer of a model version in a role whose truth is known; None if there is none."""
        self._prepare()
        with self._transaction(write=False):
            times = [
                self._database.query(
                    f"SELECT min(predicted_s) FROM {table} WHERE model_id = ? AND variant = ?",  # noqa: S608 - the table is a constant
                    (model_id, variant),
                )[0][0]
                for table in ("tabento_truths", "tabento_shadow_answers")
            ]
        return min((float(time_s) for time_s in times if time_s is not None), default=None)

    def truths(self, since_s: float, until_s: float) -> Iterator[dict[str, Any]]:
        """Yield the truths that became known in a window, by time: ``request_id``, ``row``, ``truth``, ``time_s``,
        ``corrections``, and of joined ones ``model``, ``version``, ``variant`` and ``predicted_s``, else None."""
        self._prepare()
        models = self.models()
        after: tuple[float, str, int] = (since_s, "", -1)
        statement = (
            "SELECT time_s, request_id, row_number, truth, corrections, model_id, variant, predicted_s FROM tabento_truths"
            " WHERE time_s < ? AND (time_s, request_id, row_number) > (?, ?, ?)"
            " ORDER BY time_s, request_id, row_number LIMIT 10000"
        )
        while True:
            with self._transaction(write=False):
                rows = self._database.query(statement, (until_s, *after))
            for time_s, request_id, row, text, corrections, model_id, variant, predicted_s in rows:
                model = models.get(model_id)
                yield {
                    "request_id": request_id,
                    "row": row,
                    "truth": msgspec.json.decode(text),
                    "time_s": time_s,
                    "corrections": corrections,
                    "model": model and model.name,
                    "version": model and model.version,
                    "variant": variant,
                    "predicted_s": predicted_s,
                }
            if not rows:
                return
            after = rows[-1][:3]

    def delete_before(self, received_s: float) -> int:
        """Delete the truths that arrived before a time, and return their number."""
        self._prepare()
        with self._transaction():
            self._database.run(
                "DELETE FROM tabento_shadow_answers WHERE EXISTS (SELECT 1 FROM tabento_truths t WHERE t.request_id ="
                " tabento_shadow_answers.request_id AND t.row_number = tabento_shadow_answers.row_number"
                " AND t.received_s < ?)",
                (received_s,),
            )
            return self._database.run("DELETE FROM tabento_truths WHERE received_s < ?", (received_s,))

    def delete_waiting(self, keep: int) -> int:
        """Delete the oldest truths without a prediction beyond a number, and return the number of deleted ones."""
        self._prepare()
        with self._transaction():
            return self._database.run(
                "DELETE FROM tabento_truths WHERE model_id IS NULL AND received_s < (SELECT received_s FROM tabento_truths"
                " WHERE model_id IS NULL ORDER BY received_s DESC LIMIT 1 OFFSET ?)",
                (keep,),
            )

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    @contextmanager
    def _transaction(self, write: bool = True) -> Iterator[None]:
        """Run a transaction; after a failure the tables are looked for again, because the file may be another one."""
        try:
            with self._database.transaction(write):
                yield
        except FeedbackStoreError:
            self._is_prepared = False
            raise

    def _prepare(self) -> None:
        """Create the tables if they are missing.

        Raises:
            FeedbackStoreError: the tables have another format.
        """
        if self._is_prepared:
            return
        with self._transaction():
            self._database.query(self._database.lock)
            for statement in _TABLES:
                self._database.run(statement.format_map(self._database.types))
            formats = [row[0] for row in self._database.query("SELECT format FROM tabento_feedback_format")]
            if not formats:
                self._database.run("INSERT INTO tabento_feedback_format (format) VALUES (?)", (FORMAT,))
            elif formats[0] != FORMAT:
                raise FeedbackStoreError(
                    f"The store of feedback has format {formats[0]}; this version reads format {FORMAT}."
                    " Use another folder or database."
                )
        self._is_prepared = True


@dataclass(frozen=True, slots=True)
class _StoredTruth:
    text: str
    time_s: float
    """The last time at which this value was known."""
    model_id: int | None


class _ParallelInsertError(Exception):
    """Another process stored one of the truths in the meantime; the transaction is repeated."""


def floats(values: Sequence[bytes], width: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return stored float64 as an array of shape (N, width)."""
    return np.frombuffer(b"".join(values), np.float64).reshape(-1, width)
