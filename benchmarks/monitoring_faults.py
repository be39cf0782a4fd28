"""What do faults cost a monitored service? Processes are killed and stopped, disks fill and become read-only, while it answers.

Each fault has a service of its own with two workers and a steady load, of which every answer is kept. Afterwards the counts must
add up: answers, recorded rows, dropped rows, lines of the prediction log, truths in the store. Writes ``monitoring_faults.json``
and ``.md``. The exit code is 1 if a check fails.

The faults of disks need root, which can mount a small file system; those of Postgres need Debian's ``postgresql``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bentoml
import psutil

from benchmarks.machine import describe_machine
from benchmarks.monitored_load import Load, wait_for
from benchmarks.process import BenchmarkError, RunningServer, serve_bento, unwind_on_sigterm
from benchmarks.run import RESULTS
from monitoring.feedback.database import open_database
from monitoring.feedback.store import FeedbackStore
from monitoring.log.part import LOG_FOLDER
from monitoring.log.reader import read_log
from tabento.bundle.format import BENTOML_MODULE
from tests.bundles import write_bundle
from tests.conftest import bentoml_home
from tests.real_parts.postgres_server import PostgresServer, running_postgres

WORKERS = 2
DISK_BYTES = 24 << 20
SEGMENT_BYTES = 1 << 18
WARM_S = 3.0
"""The load before and after a fault."""
DEADLINE_S = 100.0
"""The longest time until a fault is seen in health, until health is good again, or until all rows are handled."""
FLUSH_S = 1.5
"""The age of rows that a killed worker or service may take with it: it sends its records four times, its counts once a second."""
HEALTHY, DEGRADED = "healthy", "degraded"


@dataclass
class Trial:
    """A service under load, to which a fault is done."""

    server: RunningServer
    load: Load
    folder: Path
    """``monitoring_folder``."""
    postgres: PostgresServer | None
    killed_at_s: list[float] = field(default_factory=list)
    """The times at which a worker or the service was killed."""
    allowed_errors: int = 0
    """Requests in flight on what was killed: at most one for each client."""
    allowed_missing: int = 0
    """Rows that a killed worker or service may have taken with it."""
    seen: list[str] = field(default_factory=list)
    """The messages of ``monitoring`` during the fault."""

    def monitor(self) -> psutil.Process:
        """Return the monitor process.

        Raises:
            BenchmarkError: it does not run.
        """
        processes: list[psutil.Process] = []

        def find() -> bool:
            processes[:] = [child for child in self._children() if _is_monitor(child)]
            return bool(processes)

        if not wait_for(find, DEADLINE_S):
            raise BenchmarkError("the service has no monitor process")
        return processes[0]

    def workers(self) -> list[psutil.Process]:
        """Return the workers."""
        return [child for child in self._children() if not _is_monitor(child)]

    def await_degraded(self) -> None:
        """Wait until health tells of the fault."""
        self._await_status(DEGRADED)
        self.seen.append(self.load.status()[1])

    def await_healthy(self) -> None:
        """Wait until health is good again."""
        self._await_status(HEALTHY)

    def kill_worker(self) -> None:
        """Kill a worker with SIGKILL."""
        worker = self.workers()[0]
        self.killed_at_s.append(time.monotonic())
        worker.kill()

    def _await_status(self, status: str) -> None:
        since_s = time.monotonic()
        if not wait_for(lambda: self.load.looked_s() > since_s and self.load.status()[0] == status, DEADLINE_S):
            raise BenchmarkError(f"health is not {status} but {self.load.status()}")

    def _children(self) -> list[psutil.Process]:
        children: list[psutil.Process] = psutil.Process(self.server.pid).children()
        return children


def _is_monitor(process: psutil.Process) -> bool:
    try:
        return bool(process.cmdline()[1:3] == ["-m", "monitoring"])
    except psutil.Error:
        return False


def kill_monitor(trial: Trial) -> None:
    """Kill the monitor process three times."""
    for _ in range(3):
        trial.monitor().kill()
        trial.await_degraded()
        trial.await_healthy()
        time.sleep(WARM_S)


def stop_monitor(trial: Trial) -> None:
    """Let the monitor process hang for some seconds."""
    monitor = trial.monitor()
    monitor.suspend()
    try:
        trial.await_degraded()
        time.sleep(WARM_S)
    finally:
        monitor.resume()
    trial.await_healthy()


def fill_disk(trial: Trial) -> None:
    """Fill the disk of the monitoring folder, and free it."""
    filler = fill(trial.folder)
    trial.await_degraded()
    time.sleep(2 * WARM_S)
    filler.unlink()
    # Dropped rows are told for a minute.
    wait_for(lambda: "cannot be written" not in trial.load.status()[1], DEADLINE_S)


def fill_disk_and_kill(trial: Trial) -> None:
    """Kill the monitor process while rows wait for a full disk."""
    filler = fill(trial.folder)
    trial.await_degraded()
    time.sleep(WARM_S)
    trial.monitor().kill()
    time.sleep(WARM_S)
    filler.unlink()
    trial.await_healthy()


def make_read_only(trial: Trial) -> None:
    """Let the monitor process start on a volume that is read-only, and make it writable again."""
    trial.monitor().kill()  # a volume with open files cannot become read-only
    if not wait_for(lambda: _mount("-o", "remount,ro", str(trial.folder)), 1.0):
        raise BenchmarkError("the volume cannot be made read-only")
    wait_for(lambda: "Read-only" in trial.load.status()[1], DEADLINE_S)
    trial.await_degraded()
    time.sleep(WARM_S)
    _mount("-o", "remount,rw", str(trial.folder))
    trial.await_healthy()


def kill_postgres(trial: Trial) -> None:
    """Kill the Postgres of feedback twice, and start it again."""
    assert trial.postgres is not None
    for _ in range(2):
        trial.postgres.kill()
        trial.await_degraded()
        time.sleep(WARM_S)
        trial.postgres.start()
        trial.await_healthy()


def kill_workers(trial: Trial) -> None:
    """Kill a worker twice."""
    for _ in range(2):
        trial.kill_worker()
        # The next one is killed when the new one answers, so there is always one that does.
        for count in (WORKERS - 1, WORKERS):
            wait_for(lambda count=count: trial.load.total("tabento_monitor_up") == count, DEADLINE_S)  # type: ignore[misc]
        time.sleep(WARM_S)
    trial.await_healthy()


def end_service(trial: Trial) -> None:
    """End the service by SIGTERM under load."""
    process = psutil.Process(trial.server.pid)
    process.terminate()
    process.wait(DEADLINE_S)


def kill_everything(trial: Trial) -> None:
    """Kill all processes of the service, as a power cut does."""
    parent = psutil.Process(trial.server.pid)
    children = parent.children()
    trial.killed_at_s.append(time.monotonic())
    for process in (parent, *children):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(children, DEADLINE_S)


def fill(folder: Path) -> Path:
    """Fill the disk of a folder with a file."""
    filler = folder / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return filler


@dataclass(frozen=True)
class Fault:
    """A fault, and what may be missing after it."""

    title: str
    act: Callable[[Trial], None]
    disk: bool = False
    """Whether the monitoring folder is a small file system of its own."""
    postgres: bool = False
    kills_workers: int = 0
    """The number of killed workers: each takes its requests in flight and records of a moment with it."""
    ends: bool = False
    """Whether the service has ended afterwards."""
    settings: Mapping[str, str] = field(default_factory=dict)


_SMALL_BUFFER = {"TABENTO_PREDICTION_LOG_BUFFER_BYTES": str(SEGMENT_BYTES)}
FAULTS = {
    "kill-monitor": Fault("monitor process killed, three times", kill_monitor),
    "stop-monitor": Fault("monitor process hangs (SIGSTOP)", stop_monitor),
    "full-disk": Fault("full disk, then freed", fill_disk, disk=True, settings=_SMALL_BUFFER),
    "full-disk-kill": Fault("full disk, and the monitor killed", fill_disk_and_kill, disk=True),
    "read-only": Fault("monitor killed, and its volume read-only", make_read_only, disk=True),
    "postgres": Fault("Postgres of feedback killed, twice", kill_postgres, postgres=True),
    "kill-worker": Fault("worker killed, twice", kill_workers, kills_workers=2),
    "sigterm": Fault("SIGTERM under load", end_service, ends=True),
    "kill-all": Fault("all processes killed", kill_everything, kills_workers=WORKERS, ends=True),
}


def run_fault(name: str, home: Path, model: str, warm_s: float = WARM_S) -> dict[str, Any]:
    """Do one fault to a service; return the figures and the failed checks.

    Args:
        name: a key of ``FAULTS``.
        home: the store with the model.
        model: the model's tag.
        warm_s: the seconds of load before and after the fault.

    Raises:
        BenchmarkError: the service does not start, or health does not follow the fault.
    """
    fault = FAULTS[name]
    with ExitStack() as up:
        folder = Path(up.enter_context(tempfile.TemporaryDirectory(prefix="monitoring-faults-")))
        monitoring = folder / "monitoring"
        monitoring.mkdir()
        if fault.disk:
            up.enter_context(small_disk(monitoring))
        postgres = up.enter_context(running_postgres()) if fault.postgres else None
        environment = {
            "BENTOML_HOME": str(home),
            "TABENTO_MODEL": model,
            "TABENTO_WORKERS": str(WORKERS),
            "TABENTO_SLO_P99_MS": "60000",
            "TABENTO_MONITORING": "true",
            "TABENTO_MONITORING_FOLDER": str(monitoring),
            "TABENTO_PREDICTION_LOG_SEGMENT_BYTES": str(SEGMENT_BYTES),
            **fault.settings,
        }
        if postgres is not None:
            environment["TABENTO_FEEDBACK_URL"] = postgres.url
        output = up.enter_context((folder / "output").open("w+b"))
        server = up.enter_context(serve_bento(sys.executable, "service:Tabento", environment=environment, log=output))
        load = Load(server.address, name)
        trial = Trial(server, load, monitoring, postgres)
        with load.running():
            trial.await_healthy()
            wait_for(lambda: load.total("tabento_monitor_up") == WORKERS, DEADLINE_S)
            time.sleep(warm_s)
            started_s = time.monotonic()
            fault.act(trial)
            if not fault.ends:
                time.sleep(warm_s)
        if not fault.ends:
            _settle(load)
        url = None if postgres is None else postgres.url
        result = check(fault, trial, started_s, _stored_truths(monitoring, url))
        output.seek(0)
        lines = output.read().decode(errors="replace").splitlines()
        result["exceptions"] = [line for line in lines if "Traceback (most recent call last)" in line]
        if result["exceptions"]:
            result["failed"].append("exceptions in the service log")
        return {"fault": name, "title": fault.title, **result}


def _settle(load: Load) -> None:
    """Wait until the monitor has handled all rows, and the log has written them."""

    def is_settled() -> bool:
        load.look()
        first = (load.total("tabento_recorded_rows_total"), load.total("tabento_log_rows_total"))
        time.sleep(1.2)
        load.look()
        return first == (load.total("tabento_recorded_rows_total"), load.total("tabento_log_rows_total"))

    if not wait_for(is_settled, DEADLINE_S):
        raise BenchmarkError("the counts go on after the load has ended")


def check(fault: Fault, trial: Trial, started_s: float, stored: Sequence[tuple[str, int, float]]) -> dict[str, Any]:
    """Return the figures of a trial, and the checks that failed."""
    load = trial.load
    lines = Counter[tuple[str, int]]()
    n_different = n_unknown = n_failures = 0
    for record in read_log(trial.folder / LOG_FOLDER, failures=True):
        if "row" not in record:
            n_failures += 1
            continue
        key = (record["request_id"], record["row"])
        lines[key] += 1
        if key in load.answers:
            n_different += load.answers[key] != record["prediction"]
        else:
            n_unknown += key[0] not in load.failed_ids
    n_answered = len(load.answers)
    missing = [key for key in load.answers if key not in lines]
    dropped = {
        "down": load.total("tabento_monitor_dropped_rows_total", '"down"'),
        "full": load.total("tabento_monitor_dropped_rows_total", '"full"'),
        "log": load.total("tabento_log_rows_total", '"dropped"'),
    }
    lost = load.total("tabento_monitor_dropped_rows_total", '"lost"')
    recorded = load.total("tabento_recorded_rows_total")
    in_flight = sum(
        any(0 <= killed_s - load.answered[key] <= FLUSH_S for killed_s in trial.killed_at_s) for key in missing
    )
    n_missing = len(missing) - in_flight
    truths = Counter((request_id, row) for request_id, row, _ in stored)
    values = {(request_id, row): value for request_id, row, value in stored}
    statuses = [status for moment, status, _ in load.health if moment > started_s and status]
    checks = {
        "errors": fault.ends or sum(load.errors.values()) <= fault.kills_workers * 4,
        "a line doubled": all(count == 1 for count in lines.values()),
        "a logged answer differs": n_different == 0,
        "a logged row that nobody asked for": n_unknown == 0,
        "more rows missing than dropped": n_missing <= sum(dropped.values()) + lost,
        "fewer rows missing than dropped": bool(fault.kills_workers)
        or fault.ends
        or n_missing >= sum(dropped.values()),
        "recorded is not answered": bool(fault.kills_workers) or fault.ends or recorded == n_answered,
        "rows missing after a proper end": fault.act is not end_service or not missing,
        "truths are not stored once": all(truths[key] == 1 for key in load.truths)
        and max(truths.values(), default=1) == 1,
        "a truth differs": all(values.get(key) == value for key, value in load.truths.items()),
        "health stays degraded": fault.ends or fault.act is fill_disk or statuses[-1] == HEALTHY,
    }
    return {
        "answered": n_answered,
        "errors": dict(load.errors),
        "recorded": recorded,
        "lines": sum(lines.values()),
        "missing": len(missing),
        "in_flight": in_flight,
        "dropped": dropped,
        "lost_at_most": lost,
        "doubled": sum(count - 1 for count in lines.values()),
        "different": n_different,
        "truths": len(load.truths),
        "truths_stored": len(stored),
        "truth_requests_repeated": load.refused_truths,
        "degraded": trial.seen,
        "health": [status for status, before in zip(statuses, ["", *statuses], strict=False) if status != before],
        "failed": [text for text, holds in checks.items() if not holds],
    }


def _stored_truths(folder: Path, url: str | None) -> list[tuple[str, int, float]]:
    store = FeedbackStore(open_database(folder, url))
    try:
        infinity = float("inf")
        return [(item["request_id"], item["row"], item["truth"]) for item in store.truths(-infinity, infinity)]
    finally:
        store.close()


def _mount(*arguments: str) -> bool:
    """Run mount; return whether it succeeded."""
    program = shutil.which("mount")
    return program is not None and subprocess.run([program, *arguments], capture_output=True).returncode == 0


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a small file system in memory on a folder.

    Raises:
        BenchmarkError: only root can.
    """
    if os.geteuid() != 0 or not _mount("-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)):
        raise BenchmarkError("the faults of disks need root, which can mount a file system: choose others by --faults")
    try:
        yield
    finally:
        umount = shutil.which("umount")
        assert umount is not None
        subprocess.run([umount, "-l", str(folder)], check=True)


@contextmanager
def stored_model() -> Iterator[tuple[Path, str]]:
    """Yield a new store and the tag of a small model in it."""
    with tempfile.TemporaryDirectory(prefix="faults-store-") as folder, bentoml_home(Path(folder)) as home:
        with bentoml.models.create("orchard", module=BENTOML_MODULE) as stored:
            write_bundle(Path(stored.path))
        yield home, str(stored.tag)


def markdown(results: Mapping[str, Any]) -> str:
    """Return the table."""
    lines = [
        "| fault | rows answered | errors | log lines | dropped: down, full, log | lost at most | missing | doubled | other answers | truths sent, stored | health |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for result in results["faults"]:
        dropped, failed = result["dropped"], result["failed"]
        health = " → ".join(result["health"])
        lines.append(
            f"| {result['title']} | {result['answered']:,} | {sum(result['errors'].values())} | {result['lines']:,}"
            f" | {dropped['down']:,}, {dropped['full']:,}, {dropped['log']:,} | {result['lost_at_most']:,} | {result['missing']:,}"
            f" | {result['doubled']} | {result['different']} | {result['truths']:,}, {result['truths_stored']:,} | {health} |"
        )
        if failed:
            lines.append(f"| **failed**: {', '.join(failed)} |" + " |" * 10)
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do the faults, write and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.monitoring_faults", description=__doc__)
    parser.add_argument("--faults", nargs="+", default=list(FAULTS), choices=list(FAULTS))
    parser.add_argument("--folder", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    unwind_on_sigterm()
    results: dict[str, Any] = {"machine": describe_machine(), "faults": []}
    path = options.folder / "monitoring_faults.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with stored_model() as (home, model):
            for name in options.faults:
                sys.stderr.write(f"{name}: ")
                result = run_fault(name, home, model)
                sys.stderr.write(f"{', '.join(result['failed']) or 'all checks hold'}\n")
                results["faults"].append(result)
                path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
                path.with_suffix(".md").write_text(markdown(results), encoding="utf-8")
    except BenchmarkError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(path.with_suffix(".md").read_text(encoding="utf-8"))
    return int(any(result["failed"] for result in results["faults"]))


if __name__ == "__main__":
    sys.exit(main())
