"""The tables of a fleet's figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.fleet.measure import FLEET, SINGLE


def markdown(results: Mapping[str, Any]) -> str:
    """Return the tables of the measured parts."""
    lines: list[str] = []
    if "memory" in results:
        lines += _memory(results["memory"])
    if "cold" in results:
        lines += _cold(results["cold"])
    if "rates" in results:
        lines += _rates(results["rates"])
    if "budget" in results:
        lines += _budget(results["budget"])
    return "\n".join(lines) + "\n"


def _memory(figures: Mapping[str, Any]) -> list[str]:
    worker, ready_s = figures["worker_mib"], figures["ready_s"]
    return [
        "| | one model | fleet |",
        "| --- | --- | --- |",
        f"| models loaded | 1 | {figures['loaded']:,} |",
        f"| ready after | {ready_s[SINGLE]:.2f} s | {ready_s[FLEET]:.2f} s |",
        f"| memory of the worker | {worker[SINGLE]:,.0f} MiB | {worker['fleet at its start']:,.0f} MiB at its start,"
        f" {worker['fleet, all loaded']:,.0f} MiB with all loaded ({figures['kib_per_model']:.0f} KiB a model) |",
        f"| cold answer, one after another | | p50 {figures['cold_ms']['p50']:.1f} ms, p99 {figures['cold_ms']['p99']:.1f} ms |",
        f"| the same again | | p50 {figures['warm_ms']['p50']:.2f} ms, p99 {figures['warm_ms']['p99']:.2f} ms |",
        "",
    ]


def _cold(runs: list[Mapping[str, Any]]) -> list[str]:
    lines = [
        "| requests a second on a fleet that just started | first request of each model, p50, p99 | other requests, p50, p99 | loads |",
        "| --- | --- | --- | --- |",
    ]
    for run in runs:
        first, other = run["first_of_each_model_ms"], run["others_ms"]
        lines.append(
            f"| {run['rate_per_s']:,.0f} | {first['p50']:.1f}, {first['p99']:.1f} ms | {other['p50']:.2f},"
            f" {other['p99']:.1f} ms | {run['loads']:,} |"
        )
    return [*lines, ""]


def _rates(figures: Mapping[str, Any]) -> list[str]:
    share = figures["ratio"]
    lines = [
        "| | requests a second within the limit | p50, p99 at half of the lower rate | memory afterwards |",
        "| --- | --- | --- | --- |",
    ]
    for name in (SINGLE, FLEET):
        half = figures["half_rate"][name]["accepted_ms"]
        lines.append(
            f"| {name} | {figures['services'][name]['qps']:,.0f} | {half['p50']:.2f}, {half['p99']:.2f} ms |"
            f" {figures['worker_mib'][name]:,.0f} MiB |"
        )
    return [*lines, "", f"Ratio: {share['median']:.2f} ({share['low']:.2f} to {share['high']:.2f}).", ""]


def _budget(figures: Mapping[str, Any]) -> list[str]:
    times, memory = figures["summary"]["accepted_ms"], figures["worker_mib"]
    return [
        f"Memory for {100 * figures['share_that_fits']:.0f}% of the models, {figures['rate_per_s']:,.0f} requests a second:"
        f" {figures['loads_per_s']:.0f} loads a second ({100 * figures['cold_share']:.0f}% of the requests), p50"
        f" {times['p50']:.2f} ms, p99 {times['p99']:.1f} ms, worker {memory['before']:,.0f} MiB before and"
        f" {memory['after']:,.0f} MiB after.",
        "",
    ]
