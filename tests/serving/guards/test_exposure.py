"""A service without keys is reachable from its own computer only, unless the settings allow more."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.guards.exposure import exposure_problem, is_loopback
from serving.settings import ServingSettings


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST.", "::ffff:127.0.0.1"])
def test_a_loopback_address_needs_no_keys(host: str) -> None:
    """Only this computer can connect, so the service starts without keys."""
    assert is_loopback(host)
    assert exposure_problem(host, ServingSettings()) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.5", "localhost.example.com", "::ffff:10.0.0.1"])
def test_any_other_address_needs_keys(host: str) -> None:
    """The message names the remedies: a key, the loopback address, or the setting."""
    problem = exposure_problem(host, ServingSettings())
    assert problem is not None
    for remedy in ("tabento keys create", "TABENTO_API_KEYS_FILE", "--host 127.0.0.1", "TABENTO_ALLOW_NO_KEYS=true"):
        assert remedy in problem
    assert exposure_problem(host, ServingSettings(allow_no_keys=True)) is None
    assert exposure_problem(host, ServingSettings(api_keys_file=Path("keys.json"))) is None
    assert exposure_problem(host, ServingSettings(api_keys="a=sha256:" + "0" * 64)) is None
