"""Attack real services with hostile requests, slow sockets, wrong keys and smuggling, and let parts of them fail under load.

Writes all results as JSON, and the tables between the markers of docs/attacks.md. It ends with 1 if the service missed a
limit. All load goes to 127.0.0.1 and ends by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.attacks import phases
from benchmarks.attacks.failures import fill_disk, kill_worker, stop_service
from benchmarks.attacks.report import faults, markdown
from benchmarks.attacks.slowloris import SECONDS, SOCKETS
from benchmarks.attacks.smuggling import require_proxies, smuggle
from benchmarks.document_table import write_between
from benchmarks.machine import describe_machine
from benchmarks.process import ROOT, BenchmarkError, unwind_on_sigterm
from benchmarks.siege.model import PROMISE_MS
from benchmarks.siege.service import besieged

REQUESTS = 20_000
GUESSES = 5_000
SMUGGLING_ROUNDS = 20
QUIET_S = 10.0
BEGIN, END = "<!-- attacks: begin -->", "<!-- attacks: end -->"


def attack(options: argparse.Namespace, folder: Path, cores: frozenset[int] | None) -> dict[str, Any]:
    """Run all phases; return the content of the JSON file.

    Args:
        options: the command line.
        folder: an empty one, for the model store and the files of the parts.
        cores: the cores of the services; None for any.
    """
    store, seed = folder / "store", options.seed
    store.mkdir()
    results: dict[str, Any] = {
        "question": (__doc__ or "").splitlines()[0],
        "command": f"python -m benchmarks.attacks --requests {options.requests} --seconds {options.seconds:g}",
        "machine": describe_machine(),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": seed,
        "slo_ms": PROMISE_MS,
    }
    with besieged(store, cores=cores) as service:
        port = service.port
        for name, phase in {
            "quiet": phases.wait_quietly(min(options.seconds, QUIET_S)),
            "volley": phases.in_other_process(phases.run_volley, port, options.requests, seed),
            "slowloris": phases.in_other_process(phases.run_slowloris, port, SOCKETS, options.seconds, seed),
        }.items():
            _say(f"{phase_label(name)} …")
            results[name] = asyncio.run(phases.beside_good_clients(service, seed, phase))
        _say("smuggling …")
        proxies = folder / "proxies"
        proxies.mkdir()
        results["smuggling"] = [entry.to_json() for entry in smuggle(port, proxies, options.rounds, seed)]
    results["keys"] = _guess(options, folder, store, cores) if phases.has_keys() else None
    results["failures"] = []
    for fail in (kill_worker, fill_disk, stop_service):
        _say(f"{fail.__name__} …")
        results["failures"].append(fail(store, seed).to_json())
    return results


def _guess(options: argparse.Namespace, folder: Path, store: Path, cores: frozenset[int] | None) -> dict[str, Any]:
    """Guess the keys of a service that has one."""
    _say("key guessing …")
    file = folder / "keys.json"
    secret = phases.create_key(sys.executable, file)
    environment = {"TABENTO_API_KEYS_FILE": str(file), **phases.without_attempt_limit()}
    with besieged(store, cores=cores, environment=environment) as service:
        guess = phases.in_other_process(phases.run_key_guessing, service.port, secret, options.guesses, options.seed)
        return asyncio.run(phases.beside_good_clients(service, options.seed, guess, headers=(f"X-API-Key: {secret}",)))


def phase_label(name: str) -> str:
    """Return the name of a phase for people."""
    return name.replace("_", " ")


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def main() -> int:
    """Attack, write and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attacks", description=__doc__)
    parser.add_argument("--requests", type=int, default=REQUESTS, help="hostile requests (default %(default)s)")
    parser.add_argument("--guesses", type=int, default=GUESSES, help="wrong API keys (default %(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=SMUGGLING_ROUNDS, help="of all smuggling shapes (default %(default)s)"
    )
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of the slow sockets (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, default=ROOT / "benchmarks" / "results" / "attacks.json")
    parser.add_argument("--document", type=Path, help=f"put the tables between {BEGIN} and {END}")
    options = parser.parse_args()
    unwind_on_sigterm()
    cores = sorted(os.sched_getaffinity(0))
    try:
        require_proxies()
        with tempfile.TemporaryDirectory() as folder:
            service_cores = frozenset(cores[:1]) if len(cores) > 1 else None
            results = attack(options, Path(folder), service_cores)
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        text = markdown(results)
        if options.document is not None:
            write_between(options.document, BEGIN, END, text)
    except BenchmarkError as error:
        _say(f"error: {error}")
        return 1
    sys.stdout.write(text + "\n")
    lines = faults(results)
    for line in lines:
        _say(f"fault: {line}")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
