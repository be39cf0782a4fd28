"""The cost of an API key for a request, and the time of the answer to each kind of invalid key.

``python -m benchmarks.key_cost`` measures in this process. ``--address URL`` measures in addition how long a running service
takes to refuse each kind of key, in random order on one connection. Its setting ``auth_failures_per_minute`` must be above
the number of requests.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import statistics
import time
import timeit
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.machine import describe_machine
from serving.fastpath.plain_request import HeadCache
from serving.guards.build_keys import UnlimitedAddresses, caller_of_record
from serving.guards.failed_attempts import FailedAttempts
from serving.guards.guard import Guard
from serving.guards.keyring import Keyring
from tabento.keys.changes import create_key
from tabento.keys.record import KeyRecord, utc_now
from tabento.keys.secret import new_secret

KEYS = 1_000
"""The number of keys of the service."""
CALLS = 20_000
REPEATS = 7
SEED = 15
ADDRESS = "192.0.2.1"
HEAD = (
    "POST /predict HTTP/1.1\r\nHost: 127.0.0.1:3000\r\nUser-Agent: python-httpx/0.28\r\nAccept: */*\r\n"
    "Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\nContent-Type: application/json\r\n{}Content-Length: 2\r\n\r\n{{}}"
)


def make_keys() -> tuple[Keyring, str, dict[str, str]]:
    """Return a keyring, a valid secret, and a secret of each kind that is not valid."""
    now = utc_now()

    def create(owner: str, **options: Any) -> tuple[str, KeyRecord]:
        secret = new_secret()
        return secret, create_key((), secret, **{"owner": owner, "scopes": ["predict"], "now": now, **options})

    other_keys = [create(f"owner {number}")[1] for number in range(KEYS)]
    valid_secret, valid = create("valid")
    revoked_secret, revoked = create("revoked")
    expired_secret, expired = create("expired", now=now - timedelta(days=2), lifetime=timedelta(days=1))
    keyring = Keyring(lambda record: caller_of_record(record, None))
    keyring.replace([*other_keys, valid, replace(revoked, revoked=now), expired])
    return keyring, valid_secret, invalid_keys() | {"revoked": revoked_secret, "expired": expired_secret}


def invalid_keys() -> dict[str, str]:
    """Return keys that no service knows, by kind."""
    secret = new_secret()
    return {
        "unknown": secret,
        "wrong checksum": secret[:-1] + ("0" if secret[-1] != "0" else "1"),
        "too short": secret[:-1],
        "4 kB": "x" * 4_000,
    }


def cost_ns(call: Callable[[], object], calls: int = CALLS) -> float:
    """Return the nanoseconds of one call: the fastest of several repeats."""
    return min(timeit.repeat(call, number=calls, repeat=REPEATS)) / calls * 1e9


def request_costs(calls: int = CALLS) -> dict[str, float]:
    """Return the nanoseconds of each part that a key adds to a request."""
    keyring, secret, _ = make_keys()
    guard = Guard(keyring, UnlimitedAddresses())
    key = secret.encode()
    with_guard, without_guard = (HeadCache(1 << 20, origin_matters=False, has_guard=flag) for flag in (True, False))
    plain_head, key_head = HEAD.format("").encode(), HEAD.format(f"X-API-Key: {secret}\r\n").encode()
    return {
        "head without guard": cost_ns(lambda: without_guard.find(plain_head), calls),
        "head with guard and key": cost_ns(lambda: with_guard.find(key_head), calls),
        "find the key": cost_ns(lambda: keyring.find(key), calls),
        "identify the caller": cost_ns(lambda: guard.identify(key, ADDRESS, "predict"), calls),
    }


def time_in_turns(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return the microseconds of each call, made in random order, so that all kinds see the same disturbances."""
    order = random.Random(SEED)  # noqa: S311 - an order, not a secret
    times: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for _ in range(rounds):
        order.shuffle(names)
        for name in names:
            start_ns = time.perf_counter_ns()
            calls[name]()
            times[name].append((time.perf_counter_ns() - start_ns) / 1e3)
    return times


def refusals_here(rounds: int) -> dict[str, list[float]]:
    """Return the microseconds in which a guard of this process refuses each kind of key."""
    keyring, _, invalid = make_keys()
    guard = Guard(keyring, UnlimitedAddresses(), FailedAttempts({}, limit=1 << 40))

    def refuse(key: bytes) -> None:
        try:
            guard.identify(key, ADDRESS, "predict")
        except Exception:
            return
        raise AssertionError("expected a refusal, got a caller")

    return time_in_turns({name: partial(refuse, key.encode()) for name, key in invalid.items()}, rounds)


def refusals_of(address: str, rounds: int) -> dict[str, list[float]]:
    """Return the microseconds in which a service refuses each kind of key, on one connection.

    Raises:
        AssertionError: an answer is not 401.
    """
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)

    def refuse(key: str) -> None:
        connection.request("POST", "/predict", b"{}", {"content-type": "application/json", "x-api-key": key})
        response = connection.getresponse()
        response.read()
        if response.status != 401:
            raise AssertionError(f"expected 401, got {response.status}: set auth_failures_per_minute higher")

    keys = {name: key for name, key in invalid_keys().items() if name != "4 kB"}
    try:
        return time_in_turns({name: partial(refuse, key) for name, key in keys.items()}, rounds)
    finally:
        connection.close()


def summarise(times: Mapping[str, Sequence[float]]) -> dict[str, dict[str, float]]:
    """Return median and quartiles of each kind, in microseconds."""
    summary = {}
    for name, values in times.items():
        low, median, high = statistics.quantiles(values, n=4)
        summary[name] = {"p25_us": round(low, 3), "median_us": round(median, 3), "p75_us": round(high, 3)}
    return summary


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write the result if a file is named."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.key_cost", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--rounds", type=int, default=5_000, help="timed refusals of each kind (default: 5000)")
    parser.add_argument("--calls", type=int, default=CALLS, help=f"calls of a repeat (default: {CALLS})")
    parser.add_argument("--address", metavar="URL", help="a running service with keys")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result to this file")
    options = parser.parse_args(arguments)
    result: dict[str, Any] = {
        "machine": describe_machine(),
        "keys": KEYS,
        "request_ns": {name: round(cost) for name, cost in request_costs(options.calls).items()},
        "refusal": summarise(refusals_here(options.rounds)),
    }
    if options.address:
        result["refusal_over_http"] = summarise(refusals_of(options.address, options.rounds))
    text = json.dumps({name: part for name, part in result.items() if name != "machine"}, indent=2)
    print(text)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
