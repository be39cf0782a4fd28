"""Tests of readiness: each returns whether a program of the stack answers."""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable

import redis

_TIMEOUT_S = 5.0


def http_is_ready(url: str) -> Callable[[], bool]:
    """Return a test that a GET is answered with success."""

    def is_ready() -> bool:
        """Return whether the URL answers with a status below 400."""
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT_S):
                return True
        except (OSError, ValueError):
            return False

    return is_ready


def redis_is_ready(url: str) -> Callable[[], bool]:
    """Return a test that Redis answers a PING with the password of the URL."""

    def is_ready() -> bool:
        """Return whether Redis answers."""
        try:
            with redis.Redis.from_url(url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    return is_ready


def postgres_is_ready(program: str, port: int) -> Callable[[], bool]:
    """Return a test that Postgres accepts connections.

    Args:
        program: the path of `pg_isready`.
        port: the port of 127.0.0.1.
    """

    def is_ready() -> bool:
        """Return whether `pg_isready` succeeds."""
        command = [program, "--quiet", "--host=127.0.0.1", f"--port={port}"]
        return subprocess.run(command, check=False, timeout=4 * _TIMEOUT_S).returncode == 0

    return is_ready
