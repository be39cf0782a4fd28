"""What happens at SIGTERM: who is inside is answered, who comes is told to go elsewhere, then the port closes.

uvicorn alone closes its port at once, while BentoML's supervisor still holds the socket: new connections then hang until
they are reset. So the signal first goes here: readyz goes down, new predictions get 503 at once, what was taken in is
answered; after a while, long enough for a load balancer to notice, uvicorn gets its signal.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from types import FrameType

from serving.application import Application


def drain_on_sigterm(application: Application, loop: asyncio.AbstractEventLoop, drain_s: float) -> None:
    """Put draining in front of what SIGTERM does now; outside the main thread, which gets no signals, nothing changes.

    Args:
        application: what is drained.
        loop: the event loop on which it runs.
        drain_s: how long new requests are still answered, with 503.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    before = signal.getsignal(signal.SIGTERM)

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, before)
        if callable(before):
            before(number, frame)
        else:
            signal.raise_signal(number)

    def start(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, end)  # whoever asks twice does not want to wait
        until = loop.time() + drain_s

        def drained() -> None:
            loop.call_at(until, end, number, frame)

        loop.call_soon_threadsafe(application.drain, drained)

    signal.signal(signal.SIGTERM, start)
