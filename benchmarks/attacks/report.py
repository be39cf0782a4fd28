"""The report of the attacks: tables for docs/attacks.md, and the faults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REFUSED_SHARE_MOST = 0.01
PHASES = {"quiet": "no attack", "volley": "hostile requests", "slowloris": "slowloris", "keys": "key guessing"}
"""The phases with good clients, and their names in the table."""


def markdown(results: Mapping[str, Any]) -> str:
    """Return the tables of the document."""
    machine = results["machine"]
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}; seed {results['seed']};"
        f" `{results['command']}`, {results['measured_at']}.",
        "",
        *_phase_table(results),
        "",
        *_volley_table(results["volley"]["attack"]),
        "",
        *_slowloris_line(results["slowloris"]["attack"]),
        "",
        *_key_lines(results["keys"]),
        "",
        *_smuggling_table(results["smuggling"]),
        "",
        *_failure_table(results["failures"]),
        "",
        *(_fault_lines(results) or ["No fault."]),
    ]
    return "\n".join(lines)


def faults(results: Mapping[str, Any]) -> list[str]:
    """Return a line for each limit that the service missed."""
    lines = []
    volley = results["volley"]["attack"]
    if volley["faults"]:
        first = volley["examples"][0]
        lines.append(f"hostile requests: {volley['faults']} faults, first ({first['family']}): {first['fault']}")
    for key, name in PHASES.items():
        if results[key] is None:
            continue
        good = results[key]["good"]
        lines += [
            f"{name}: {good[kind]} requests of good clients {kind}, expected 0"
            for kind in ("wrong", "lost", "hung")
            if good[kind]
        ]
        if good["refused"] > REFUSED_SHARE_MOST * good["requests"]:
            lines.append(
                f"{name}: {good['refused']} of {good['requests']} requests of good clients refused, expected at most 1%"
            )
    if results["keys"] is not None and results["keys"]["attack"]["admitted"]:
        lines.append(f"key guessing: {results['keys']['attack']['admitted']} wrong keys were not refused")
    lines += [
        f"smuggling through {entry['proxy']}: {entry['wrong_next']} clients did not get their own answer:"
        f" {', '.join(entry['wrong_shapes'])}"
        for entry in results["smuggling"]
        if entry["wrong_next"]
    ]
    for entry in results["failures"]:
        lines += [
            f"{entry['name']}: {entry[kind]} requests {kind}, expected 0"
            for kind in ("wrong", "unexplained")
            if entry[kind]
        ]
        if not entry["recovered"]:
            lines.append(f"{entry['name']}: the service did not recover or end in time")
    return lines


def _phase_table(results: Mapping[str, Any]) -> list[str]:
    slo_ms = results["slo_ms"]
    lines = [
        f"| good clients beside | requests | errors | of them 503 | p50, ms | p99, ms | within the SLO of {slo_ms:g} ms |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for key, name in PHASES.items():
        if results[key] is None:
            continue
        good = results[key]["good"]
        p99 = good["p99_ms"]
        within = "–" if p99 is None else "yes" if p99 <= slo_ms else "no"
        lines.append(
            f"| {name} | {good['requests']:,} | {good['error_share']:.3%} | {good['refused']} | {_number(good['p50_ms'])} |"
            f" {_number(p99)} | {within} |"
        )
    return lines


def _volley_table(volley: Mapping[str, Any]) -> list[str]:
    families: dict[str, dict[str, int]] = volley["families"]
    statuses = sorted({status for counts in families.values() for status in counts})
    lines = [
        f"{volley['requests']:,} hostile requests, first answers by status (`none`: the connection ended without an answer);"
        f" {volley['hung']} without an end, {volley['faults']} faults.",
        "",
        f"| family | {' | '.join(statuses)} |",
        f"| --- |{' ---: |' * len(statuses)}",
    ]
    return lines + [
        f"| {family} | {' | '.join(f'{counts.get(status, 0):,}' for status in statuses)} |"
        for family, counts in families.items()
    ]


def _slowloris_line(slow: Mapping[str, Any]) -> list[str]:
    statuses = ", ".join(f"{count} with {status}" for status, count in slow["statuses"].items()) or "none"
    return [
        f"Slowloris: {slow['sockets']} sockets at a time, {slow['opened']} opened, {slow['ended']} ended by the service"
        f" ({statuses}), the longest after {slow['longest_s']:g} s."
    ]


def _key_lines(phase: Mapping[str, Any] | None) -> list[str]:
    if phase is None:
        return ["Key guessing: not measured, because this version of the service has no API keys."]
    keys = phase["attack"]
    statuses = ", ".join(f"{count} times {status}" for status, count in keys["statuses"].items())
    return [
        f"Key guessing: {keys['guesses']:,} wrong keys, {keys['admitted']} admitted ({statuses}; 0 is a closed connection). The median"
        f" refusal took {keys['prefix_median_us']:.0f} µs for keys with a right beginning and {keys['random_median_us']:.0f} µs for"
        f" random ones; Welch's t of the logarithms is {keys['t_value']:g} (above 4.5 in size is hardly by chance)."
    ]


def _smuggling_table(entries: list[Mapping[str, Any]]) -> list[str]:
    lines = [
        "| smuggling through | attacks | next client without its own answer | shapes answered as two requests |",
        "| --- | ---: | ---: | --- |",
    ]
    return lines + [
        f"| {entry['proxy']} | {entry['attacks']:,} | {entry['wrong_next']} |"
        f" {', '.join(sorted(entry['answered_shapes'])) or 'none'} |"
        for entry in entries
    ]


def _failure_table(entries: list[Mapping[str, Any]]) -> list[str]:
    lines = [
        "| failure under load | requests | right | failed, with the reason | unexplained | wrong | longest gap, s | recovered |",
        "| --- | ---: | ---: | --- | ---: | ---: | ---: | --- |",
    ]
    for entry in entries:
        reasons = "; ".join(f"{count:,} {text}" for text, count in entry["explained"].items()) or "none"
        lines.append(
            f"| {entry['name']} | {entry['requests']:,} | {entry['outcomes'].get('right', 0):,} | {reasons} |"
            f" {entry['unexplained']} | {entry['wrong']} | {entry['longest_gap_s']:g} | {'yes' if entry['recovered'] else 'no'} |"
        )
    return lines


def _fault_lines(results: Mapping[str, Any]) -> list[str]:
    return [f"- {line}" for line in faults(results)]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
