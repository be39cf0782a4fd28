"""The limits of a siege, and the limits that it missed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.siege.attackers.kind import FAULTS

REFUSED_SHARE_MOST = 0.01
"""Good clients may be refused in 1% of their requests, over the whole siege."""
GROWTH_MIB_MOST = 20.0
STOP_MARGIN_S = 3.0
"""The additional time for the end of the processes, after the service's own limit."""
P99_FACTOR = 2.0
FREE_CORE_SHARE = 0.8
"""A worker below this share of its core had time for every client."""


def faults(results: Mapping[str, Any]) -> list[str]:
    """Return a line for each limit that the service missed; an empty list if it kept all."""
    lines = []
    rounds = results["rounds"]
    for entry in rounds:
        lines += [
            f"{entry['name']}: {entry[count]} requests of good clients {count}, expected 0"
            for count in ("hung", "wrong", "lost")
            if entry[count]
        ]
        if entry["in_flight"]:
            lines.append(f"{entry['name']}: {entry['in_flight']:g} requests in flight with nobody asking, expected 0")
        if entry["core_share"] is None:
            lines.append(f"{entry['name']}: the worker process was replaced")
        for kind, outcomes in entry["outcomes"].items():
            bad = {name: count for name, count in outcomes.items() if name in FAULTS}
            lines += [f"{entry['name']}: {count} attempts of {kind} {name}, expected 0" for name, count in bad.items()]
    share = results["refused_share"]
    if share > REFUSED_SHARE_MOST:
        lines.append(
            f"{share:.2%} of the good clients' requests were refused, expected at most {REFUSED_SHARE_MOST:.0%}"
        )
    if results["growth_mib"] > GROWTH_MIB_MOST:
        lines.append(f"memory grew by {results['growth_mib']:.1f} MiB, expected at most {GROWTH_MIB_MOST:g}")
    if results["watchdog"]:
        lines.append(f"the watchdog answered {results['watchdog']:g} requests, expected 0")
    stop = results["stop"]
    if stop["seconds"] is None:
        lines.append(f"the service was still there {2 * stop['bound_s']:g} s after SIGTERM")
    elif stop["seconds"] > stop["bound_s"]:
        lines.append(f"the service ended {stop['seconds']:g} s after SIGTERM, expected at most {stop['bound_s']:g} s")
    return lines


def slower(results: Mapping[str, Any]) -> list[str]:
    """Return a line for each round whose core was free and whose p99 was more than twice that without attackers.

    This is for reading, and no fault by itself: attackers and good clients share a core on a small machine.
    """
    base_ms = results["baseline"]["p99_ms"]
    return [
        f"{entry['name']}: p99 {entry['p99_ms']:.2f} ms is {entry['p99_ms'] / base_ms:.1f} times the"
        f" {base_ms:.2f} ms without attackers, with {entry['core_share']:.0%} of the core taken"
        for entry in results["rounds"]
        if entry["kinds"]
        and base_ms
        and entry["p99_ms"]
        and entry["core_share"] is not None
        and entry["core_share"] < FREE_CORE_SHARE
        and entry["p99_ms"] > P99_FACTOR * base_ms
    ]
