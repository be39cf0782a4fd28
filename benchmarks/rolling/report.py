"""The tables of rolling updates and losses, for people."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

BEGIN, END = "<!-- rolling: begin -->", "<!-- rolling: end -->"
PROXY_TITLES = {"haproxy": "HAProxy", "nginx": "nginx"}
UPDATE_TITLES = {"updates": "repeated", "updates_unrepeated": "not repeated"}
LOSS_TITLES = {
    "kills": "killed; predictions are repeated",
    "kills_unrepeated": "killed; predictions are not repeated",
    "pauses": "paused for 8 s; predictions are repeated",
}


def markdown(results: Mapping[str, Any]) -> str:
    """Return the tables: the updates, and the losses."""
    lines = [
        f"{results['rate_per_s']:g} requests per second over {results['connections']} connections that are kept alive, on"
        f" {results['machine']['cores']} cores.",
        "",
        "| proxy | lost predictions are | rolling updates | replicas replaced | requests | failed | p99, longest | SIGTERM to end, start to ready (medians) |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, kind in product(results["proxies"], UPDATE_TITLES):
        updates = results["proxies"][name][kind]
        cells = (
            PROXY_TITLES[name],
            UPDATE_TITLES[kind],
            f"{updates['in_place']} in place, {updates['surge']} by surge",
            updates["replicas"],
            f"{updates['requests']:,}",
            failures(updates["failures"]),
            f"{updates['p99_ms']:g} ms, {updates['longest_ms']:g} ms",
            f"{updates['end_s']:g} s, {updates['ready_s']:g} s",
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    lines += [
        "",
        "| proxy | a replica is | times | in flight on all replicas, sum | failed | failed, sent later | answers after more than 1 s | longest |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, proxy in results["proxies"].items():
        for kind, title in LOSS_TITLES.items():
            loss = proxy[kind]
            loss_cells = (
                PROXY_TITLES[name],
                title,
                len(loss["failed"]),
                "–" if kind == "pauses" else sum(loss["in_flight"]),
                failures(loss["failures"]),
                loss["failed_later"],
                loss["slower_than_1_s"],
                f"{loss['longest_ms'] / 1000:.2f} s",
            )
            lines.append(f"| {' | '.join(map(str, loss_cells))} |")
    return "\n".join(lines)


def failures(reasons: Mapping[str, int]) -> str:
    """Return the failed requests by reason."""
    return ", ".join(f"{count} ({reason})" for reason, count in reasons.items()) or "0"


def missed_expectations(results: Mapping[str, Any]) -> list[str]:
    """Return the expectations that were not met.

    No request fails in an update. A loss fails only requests that were in flight, and none if predictions are repeated.
    """
    lines = []
    for name, proxy in results["proxies"].items():
        lines += [
            f"{name}, {kind}: expected no failed request, got {failures(proxy[kind]['failures'])}"
            for kind in ("updates", "kills", "pauses")
            if proxy[kind]["failures"]
        ]
        loss = proxy["kills_unrepeated"]
        for number, (n_failed, n_in_flight) in enumerate(zip(loss["failed"], loss["in_flight"], strict=True), start=1):
            if n_failed > n_in_flight:
                lines.append(
                    f"{name}, kill {number}: expected at most {n_in_flight} failed requests, which were in flight, got {n_failed}"
                )
        if loss["failed_later"]:
            lines.append(f"{name}: {loss['failed_later']} requests failed that were sent after the end of the replica")
    return lines
