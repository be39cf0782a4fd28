"""``python -m monitoring SOCKET``: the monitor process, which the service's supervisor starts.

SOCKET is the number of an open file: the listening Unix socket. The first line of standard input is the start message
(``monitoring.process.start``). The process ends after standard input has ended, so it never outlives the service.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys

import msgspec

from monitoring.process.folder import folder_problem
from monitoring.process.monitor import Monitor
from monitoring.process.parts import build_parts
from monitoring.process.priority import yield_to_workers
from monitoring.process.start import read_start
from monitoring.service_log.configure import configure_log
from monitoring.service_log.level import LogLevel, LogLevelChange

logger = logging.getLogger("tabento.monitoring")
_decode_change = msgspec.json.Decoder(LogLevelChange).decode
GC_THRESHOLDS = (50_000, 20, 50)
"""Collections are rare: batches of rows end without one."""


async def serve(listener: socket.socket) -> None:
    """Monitor until standard input ends or SIGTERM arrives."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    settings, families = read_start(await reader.readline())
    level = configure_log("monitor", settings.log_level, settings.log_format)
    if problem := folder_problem(settings.monitoring_folder):
        logger.warning("%s", problem)
    monitor = Monitor(build_parts(settings), families)
    # The objects made so far live as long as the process, and a collection of all objects takes tens of milliseconds.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    await monitor.start(listener)
    end = loop.create_task(_follow(reader, level))
    loop.add_signal_handler(signal.SIGTERM, end.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await end
    await monitor.stop()


async def _follow(reader: asyncio.StreamReader, level: LogLevel) -> None:
    """Follow the changes of the log's level, each a line of JSON, until standard input ends."""
    while line := await reader.readline():
        change = _decode_change(line)
        level.change(change)
        logger.warning("the level of the service log is %s now", change.level)


def main() -> None:
    """Run the process."""
    yield_to_workers()
    listener = socket.socket(fileno=int(sys.argv[1]))
    listener.setblocking(False)
    asyncio.run(serve(listener))


if __name__ == "__main__":
    main()
