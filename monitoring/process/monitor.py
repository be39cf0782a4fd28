"""The monitor: it listens to the workers and gives their records to its parts."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

import msgspec

from monitoring.core_time import offer_core
from monitoring.errors import RequestError
from monitoring.frames import PEER, FrameProtocol, frame
from monitoring.part import MonitorPart
from monitoring.process.columns import columns_of
from monitoring.process.questions import QuestionQueue
from monitoring.records import (
    ErrorContent,
    FromWorker,
    ModelDescription,
    MonitorNumbers,
    PartHealth,
    Question,
    Records,
    Reply,
    WorkerNumbers,
)
from monitoring.rows import Failure, MonitoredModel
from monitoring.snapshots import Family, Snapshot, merge, retire
from tabento.bundle.store import read_bundle

logger = logging.getLogger("tabento.monitoring")

TICK_S = 1.0
FLUSH_S = 0.25
"""The seconds after which received records are handled at the latest."""
FLUSH_ROWS = 1_024
"""The number of rows that are handled at once: the cost of a call of numpy hardly depends on the number of rows."""
STRANGERS_S = 60.0
"""The seconds between two lines about connections of other users."""
MARKS = 600
"""The ticks for which it is remembered which rows wait in a part; if they wait for longer, some finished ones count as waiting."""
CLOSE_S = 5.0
"""The seconds within which the workers' last records are read after the service has stopped."""
FAMILIES = (
    Family("tabento_monitor_lag_seconds", "max", "Age of the newest handled prediction when it was handled."),
    Family("tabento_monitor_rows", "counter", "Predicted rows that the monitor has handled."),
    Family(
        "tabento_monitor_failures", "counter", "Exceptions of a part of the monitor; above 0 is a defect.", ("part",)
    ),
)
"""The metrics of the monitor itself."""

_decode: Callable[[bytes], FromWorker] = msgspec.msgpack.Decoder(FromWorker).decode


class Worker(FrameProtocol):
    """The connection of one worker.

    Args:
        monitor: the monitor.
    """

    def __init__(self, monitor: Monitor) -> None:
        super().__init__(_decode, self._receive_message, self._end)
        self.handled_rows = 0
        self.finished_rows = 0
        """The handled rows that no part has waiting."""
        self.snapshot: Snapshot | None = None
        self._models: dict[int, MonitoredModel] = {}
        self._records: list[Records] = []
        self._n_rows = 0
        self._monitor = monitor
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept the connection of a process of the same user; close another one."""
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        pid, user, _ = PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size))
        if user == os.geteuid():
            self._monitor.workers.add(self)
        elif self.transport is not None:
            self._monitor.report_stranger(pid, user)
            self.transport.abort()

    def send(self, message: msgspec.Struct) -> None:
        """Send a message, if the connection is open."""
        if self.transport is not None:
            self.transport.write(frame(message))

    def _receive_message(self, message: FromWorker) -> None:
        if self not in self._monitor.workers:
            return
        if isinstance(message, Records):
            self._records.append(message)
            self._n_rows += len(message.failures) + sum([record.count for record in message.predictions])
            if self._n_rows >= FLUSH_ROWS:
                self.flush()
        elif isinstance(message, ModelDescription):
            model = self._monitor.add_model(message)
            if model is not None:
                self._models[message.key] = model
        elif isinstance(message, WorkerNumbers):
            self.snapshot = message.snapshot
        else:
            task = asyncio.get_running_loop().create_task(self._answer(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def flush(self) -> None:
        """Give all received records to the parts."""
        received, self._records, self._n_rows = self._records, [], 0
        if received:
            records = Records(
                received[-1].clock_offset_s,
                list(chain.from_iterable(message.predictions for message in received)),
                list(chain.from_iterable(message.failures for message in received)),
            )
            self.handled_rows += self._monitor.handle(self._models, records)

    async def _answer(self, question: Question) -> None:
        self.send(await self._monitor.answer(question))

    def _end(self) -> None:
        self.flush()
        self._monitor.remove(self)


class Monitor:
    """Reads the records of all workers.

    Args:
        parts: the parts, in the order in which they see the rows.
        families: the metrics of the workers.
        clock: the Unix time in seconds.
    """

    def __init__(
        self, parts: Sequence[MonitorPart], families: tuple[Family, ...], clock: Callable[[], float] = time.time
    ) -> None:
        self.parts = list(parts)
        self.workers: set[Worker] = set()
        self._families = families
        self._clock = clock
        self._models: dict[tuple[str, str], MonitoredModel] = {}
        self._questions = {question: part for part in parts for question in part.questions}
        self._queues: defaultdict[str, QuestionQueue] = defaultdict(QuestionQueue)
        self._strangers = 0
        self._stranger_s = -STRANGERS_S
        self._ended = Snapshot()
        self._marks: deque[tuple[list[int], dict[Worker, int]]] = deque(maxlen=MARKS)
        """What the parts had taken at a tick, and the handled rows of each worker then."""
        self._rows = 0
        self._lag_s = 0.0
        # Each series begins at 0: Prometheus does not see the increase of a series whose first value is above 0.
        self._failures = dict.fromkeys((part.name for part in self.parts), 0)
        self._timer: asyncio.TimerHandle | None = None
        self._flush_timer: asyncio.TimerHandle | None = None
        self._server: asyncio.Server | None = None

    async def start(self, listener: socket.socket) -> None:
        """Accept the connections of workers, and call the parts every second."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(self._accept, sock=listener)
        self._tick(loop)
        self._flush(loop)

    async def stop(self) -> None:
        """Read the workers' last records, then close all parts."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + CLOSE_S
        while self.workers and loop.time() < end_s:
            await asyncio.sleep(0.01)
        if self._server is not None:
            self._server.close()
        for timer in (self._timer, self._flush_timer):
            if timer is not None:
                timer.cancel()
        for worker in list(self.workers):
            if worker.transport is not None:
                worker.transport.abort()
        self.tick()
        for part in self.parts:
            self._call(part, part.close)

    def add_model(self, description: ModelDescription) -> MonitoredModel | None:
        """Return the described model; None, with a line in the log, if its bundle cannot be read."""
        key = (description.tag, description.variant)
        if key in self._models:
            return self._models[key]
        try:
            bundle = read_bundle(Path(description.folder), description.tag)
        except Exception:
            logger.exception("the bundle %s cannot be read; its predictions are not monitored", description.tag)
            return None
        model = MonitoredModel(
            name=bundle.name,
            version=bundle.version,
            variant=description.variant,
            contract=bundle.contract,
            reference=bundle.reference,
            metrics=bundle.metrics,
            folder=bundle.path,
            row_values=description.row_values,
            slo_ms=description.slo_ms,
        )
        self._models[key] = model
        for part in self.parts:
            self._call(part, lambda part=part: part.add_model(model))  # type: ignore[misc]
        return model

    def handle(self, models: dict[int, MonitoredModel], records: Records) -> int:
        """Give records to all parts; return the number of their rows."""
        predictions = records.predictions
        total = 0
        for key in {record.model for record in predictions}:
            of_model = [record for record in predictions if record.model == key]
            total += sum(record.count for record in of_model)
            model = models.get(key)
            if model is None:
                continue
            try:
                rows = columns_of(model, of_model, records.clock_offset_s)
            except Exception:
                logger.exception("records of %s contradict its contract", model.name)
                continue
            offer_core()
            self._lag_s = self._clock() - float(rows.times_s[-1])
            for part in self.parts:
                self._call(part, lambda part=part, rows=rows: part.add_rows(rows))  # type: ignore[misc]
        failures = [
            Failure(models[record.model], record.started_s + records.clock_offset_s, record)
            for record in records.failures
            if record.model in models
        ]
        if failures:
            for part in self.parts:
                self._call(part, lambda part=part: part.add_failures(failures))  # type: ignore[misc]
        self._rows += total
        return total

    async def answer(self, question: Question) -> Reply:
        """Return the reply to a question."""
        self.flush()
        part = self._questions.get(question.name)
        try:
            if part is None:
                raise RequestError(f"The service has no {question.name}: it is switched off.", status=404)
            ask = partial(part.answer, question.name, question.query, question.content)
            # Content is stored, never computed from: its part bounds the requests that wait.
            answer = await (ask() if question.content else self._queues[question.name].answer(question.query, ask))
            return Reply(question.number, answer.status, answer.content, answer.content_type)
        except RequestError as error:
            content = msgspec.json.encode(ErrorContent(error.message, error.details))
            return Reply(question.number, error.status, content)
        except Exception:
            logger.exception("the monitor failed on a request of %s", question.name)
            content = msgspec.json.encode(
                ErrorContent("The monitor failed on this request. The service's log says why.")
            )
            return Reply(question.number, 500, content)

    def flush(self) -> None:
        """Handle all received records."""
        for worker in self.workers:
            worker.flush()

    def tick(self) -> None:
        """Call the parts, and send their numbers to the workers."""
        self.flush()
        now_s = self._clock()
        snapshots = [worker.snapshot for worker in self.workers if worker.snapshot is not None]
        total = merge(self._families, snapshots, self._ended)
        for part in self.parts:
            if snapshots:
                self._call(part, lambda part=part: part.add_worker_numbers(total))  # type: ignore[misc]
            self._call(part, lambda part=part: part.tick(now_s))  # type: ignore[misc]
        families = [*FAMILIES, *(family for part in self.parts for family in part.families)]
        snapshot = self.snapshot()
        offer_core()
        health = self.health()
        self._finish_rows()
        for worker in list(self.workers):
            worker.send(MonitorNumbers(worker.finished_rows, families, snapshot, health))

    def _finish_rows(self) -> None:
        """Find the rows of each worker that are finished in all parts."""
        marks = [part.n_taken() for part in self.parts]
        if self._marks and self._marks[-1][0] == marks:
            self._marks.pop()
        self._marks.append((marks, {worker: worker.handled_rows for worker in self.workers}))
        finished = [part.n_finished() for part in self.parts]
        while self._marks and all(done >= mark for done, mark in zip(finished, self._marks[0][0], strict=True)):
            for worker, n_rows in self._marks.popleft()[1].items():
                worker.finished_rows = n_rows

    def snapshot(self) -> Snapshot:
        """Return the metrics of the monitor and its parts."""
        values = {
            "tabento_monitor_lag_seconds": {(): self._lag_s},
            "tabento_monitor_rows": {(): self._rows},
            "tabento_monitor_failures": {(part,): count for part, count in self._failures.items()},
        }
        for part in self.parts:
            try:
                values.update(part.numbers())
            except Exception:
                self._fail(part)
        return Snapshot(values=values)  # type: ignore[arg-type]

    def health(self) -> list[PartHealth]:
        """Return the states of the parts."""
        states: list[PartHealth] = []
        for part in self.parts:
            try:
                state = part.health()
            except Exception:
                self._fail(part)
                state = PartHealth(part.name, "degraded", "its state cannot be read")
            if state is not None:
                states.append(state)
        return states

    def remove(self, worker: Worker) -> None:
        """Remove a worker whose connection has ended."""
        self.workers.discard(worker)
        if worker.snapshot is not None:
            self._ended = retire(self._families, worker.snapshot, self._ended)

    def report_stranger(self, pid: int, user: int) -> None:
        """Write a line about the connection of another user, at most one a minute."""
        self._strangers += 1
        now_s = time.monotonic()
        if now_s - self._stranger_s >= STRANGERS_S:
            self._stranger_s = now_s
            logger.warning(
                "process %d of user %d is not a worker of this service; its connection is closed, as were %d before",
                pid,
                user,
                self._strangers - 1,
            )

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(TICK_S, self._tick, loop)
        self.tick()

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        self._flush_timer = loop.call_later(FLUSH_S, self._flush, loop)
        self.flush()

    def _accept(self) -> asyncio.Protocol:
        return Worker(self)

    def _call(self, part: MonitorPart, method: Callable[[], object]) -> None:
        """Call a method of a part; an exception is logged and counted, and other parts go on."""
        try:
            method()
        except Exception:
            self._fail(part)
        offer_core()

    def _fail(self, part: MonitorPart) -> None:
        self._failures[part.name] = self._failures.get(part.name, 0) + 1
        logger.exception("the part %s of the monitor failed", part.name)
