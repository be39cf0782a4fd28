"""API keys end to end: the commands of an operator, and a real server process that they open and close."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import bentoml
import httpx
import pytest

from tests.bundles import TREE
from tests.conftest import bentoml_home
from tests.servers import wait_until
from tests.test_service import BENTOML, ROOT, _serving

pytestmark = pytest.mark.slow


def _keys(file: Path, *words: str) -> str:
    """Run ``tabento keys`` in a process of its own and return its standard output."""
    command = [sys.executable, "-m", "tabento", "keys", *words, "--file", str(file)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def test_a_key_opens_the_service_until_it_is_revoked(session_store: Path, linear_bundle: str, tmp_path: Path) -> None:
    """Create a key, predict, rotate it, revoke it: each change reaches the running server without a restart."""
    file, log = tmp_path / "keys.json", tmp_path / "log"
    secret = _keys(file, "create", "--owner", "shop", "--scope", "predict", "--scope", "read")
    # Waiting for a new secret is a series of invalid keys.
    environment = {"TABENTO_API_KEYS_FILE": str(file), "TABENTO_AUTH_FAILURES_PER_MINUTE": "100000"}
    with (
        bentoml_home(session_store),
        _serving(["service:Tabento", "--arg", f"model={linear_bundle}"], log, **environment) as address,
        httpx.Client(base_url=address, timeout=30) as client,
    ):

        def status(key: str) -> int:
            return client.post("/predict", json=TREE, headers={"x-api-key": key}).status_code

        assert client.post("/predict", json=TREE).status_code == 401
        assert status(secret) == 200
        assert client.post("/predict", json=TREE, headers={"authorization": f"Bearer {secret}"}).status_code == 200
        assert client.get("/schema.json").status_code == 401
        with bentoml.SyncHTTPClient(address, token=secret) as bentoml_client:
            assert "prediction" in bentoml_client.predict(TREE)
        bentoml_client._temp_dir.cleanup()
        new_secret = _keys(file, "rotate", "shop-1", "--overlap", "1h")
        wait_until(lambda: status(new_secret) == 200, "the new secret to be accepted")
        assert status(secret) == 200
        _keys(file, "revoke", "shop-1")
        wait_until(lambda: status(secret) == 401, "the key to be refused")
        assert status(new_secret) == 401
        assert client.get("/health").json()["status"] == "healthy"
    text = log.read_text()
    assert f"unknown API key {new_secret[:12]}…" in text
    assert secret[12:] not in text
    assert new_secret[12:] not in text


def test_a_service_without_keys_does_not_serve_other_computers(
    session_store: Path, linear_bundle: str, tmp_path: Path
) -> None:
    """At an address of all interfaces the start fails with the remedies as its last line, and the port stays closed."""
    with bentoml_home(session_store):
        for environment in ({}, {"BENTOML_HOST": "0.0.0.0"}):
            process = subprocess.run(
                [
                    *(BENTOML, "serve", "service:Tabento", "--arg", f"model={linear_bundle}"),
                    *(() if environment else ("--host", "::")),
                ],
                cwd=ROOT,
                env={**os.environ, "BENTOML_PORT": "0", **environment},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert process.returncode != 0
            last_line = (process.stdout + process.stderr).strip().splitlines()[-1]
            for remedy in ("tabento keys create", "--host 127.0.0.1", "TABENTO_ALLOW_NO_KEYS=true"):
                assert remedy in last_line


def test_a_wrong_key_file_stops_the_start(session_store: Path, linear_bundle: str, tmp_path: Path) -> None:
    """A service whose key file is wrong does not start, and the message names the file."""
    (tmp_path / "keys.json").write_text("{")
    with bentoml_home(session_store):
        process = subprocess.run(
            [BENTOML, "serve", "service:Tabento", "--arg", f"model={linear_bundle}", "--host", "127.0.0.1"],
            cwd=ROOT,
            env={**os.environ, "BENTOML_PORT": "0", "TABENTO_API_KEYS_FILE": str(tmp_path / "keys.json")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert process.returncode != 0
    assert "keys.json is not valid JSON" in process.stdout + process.stderr
