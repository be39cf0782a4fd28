"""The client of the benchmark of health routes, against a real service, and its table."""

from __future__ import annotations

import threading
from pathlib import Path

from benchmarks.health_latency import PATHS, Prober, markdown
from serving.settings import ServingSettings
from tests.servers import wait_until
from tests.serving.fastpath.raw_client import application_of, serving


def test_every_route_is_asked_on_both_kinds_of_connection(tmp_path: Path) -> None:
    """The client asks until it is stopped, and counts statuses and latencies by route."""
    with serving(application_of(tmp_path, ServingSettings(slo_p99_ms=60_000))) as address:
        prober = Prober(address)
        thread = threading.Thread(target=prober.run)
        thread.start()
        try:
            wait_until(lambda: len(prober.latencies_ms) == 2 * len(PATHS), "an answer of each route")
        finally:
            prober.stop()
            thread.join()
    assert set(prober.statuses) == {f"{path} 200" for path in PATHS}
    assert all(latency > 0 for latencies in prober.latencies_ms.values() for latency in latencies)


def test_a_service_that_is_gone_is_counted(tmp_path: Path) -> None:
    """A refused connection is an outcome, not the end of the client."""
    with serving(application_of(tmp_path, ServingSettings(slo_p99_ms=60_000))) as address:
        pass
    prober = Prober(address)
    prober._ask(prober._connect(), "/livez", "new")
    assert prober.statuses == {"/livez ConnectionRefusedError": 1}


def test_the_table_has_a_line_for_each_route() -> None:
    """Each line has the offered load, the share of refusals and the latencies."""
    route = {"path": "/livez", "connection": "new", "answers": 9, "p50_ms": 0.5, "p99_ms": 2.0, "largest_ms": 3.25}
    load = {"factor": 1.5, "rate_per_s": 12000, "refused_share": 0.25, "routes": [route]}
    lines = markdown([{"model": "forest", "loads": [load]}]).splitlines()
    assert lines[2] == "| forest | 1.5 times, 12,000/s | 25% | `/livez` | new | 0.5 | 2 | 3.25 |"
