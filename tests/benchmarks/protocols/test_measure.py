"""Several runs become one line of the table."""

from __future__ import annotations

from benchmarks.protocols.client import ClientResult
from benchmarks.protocols.measure import markdown, summarize


def _result(answers: int, cpu_share: float = 0.5, failures: int = 0) -> ClientResult:
    return ClientResult(answers, failures, 2.0, 1.0, 3.0, cpu_share, "")


def test_runs_are_summarized_by_their_median() -> None:
    """Rate and processor time are medians; a busy client limits the rate."""
    summary = summarize([(_result(100), 10.0), (_result(400, 0.95), 30.0), (_result(300, 0.99), 20.0)])
    assert (summary["rate_per_s"], summary["server_cpu_us"], summary["limited_by_client"]) == (150.0, 20.0, True)


def test_the_table_has_a_line_for_each_measurement() -> None:
    """The table has rates, latencies and processor time, and the number of failures."""
    measurement = {"rows": 1, "protocol": "gRPC", **summarize([(_result(2_500, failures=2), 40.0)])}
    table = markdown(
        {"title": "T", "model": "m", "in_flight": 4, "rounds": 1, "seconds": 2.0, "measurements": [measurement]}
    )
    assert "| 1 | gRPC | 1,250 | 1.00 | 3.00 | 40 | 50% |" in table
    assert "2 requests failed." in table
