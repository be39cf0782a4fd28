"""Signed bundles end to end: the commands of a trainer, and a real service process that demands a signature."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import bentoml
import httpx
import pytest

from tabento.bundle.format import BENTOML_MODULE
from tests.bundles import TREE, write_bundle
from tests.conftest import bentoml_home
from tests.test_service import BENTOML, ROOT, _serving

pytestmark = pytest.mark.slow


def test_a_service_that_demands_signatures_serves_signed_bundles_only(tmp_path: Path) -> None:
    """The start of the service ends with the reason until the bundle is signed by a trusted key; then it answers."""
    key, trusted = tmp_path / "key.pem", tmp_path / "trusted.json"
    with bentoml_home(tmp_path / "bentoml"):
        with bentoml.models.create("orchard:1", module=BENTOML_MODULE) as model:
            shutil.copytree(write_bundle(tmp_path / "bundle"), model.path, dirs_exist_ok=True)
        settings = {"TABENTO_REQUIRE_SIGNED_BUNDLES": "true"}
        assert "trusted_bundle_keys_file is not set" in _failed_start(settings)
        settings["TABENTO_TRUSTED_BUNDLE_KEYS_FILE"] = str(trusted)
        assert f"the file of trusted keys {trusted} does not exist" in _failed_start(settings)
        _sign("keygen", "--owner", "release", "--key", str(key), "--trusted", str(trusted))
        assert "orchard:1 is not signed, but a signature of a trusted key is required" in _failed_start(settings)
        _sign("bundle", "orchard:1", "--key", str(key))
        with (
            _serving(["service:Tabento", "--arg", "model=orchard"], tmp_path / "log", **settings) as address,
            httpx.Client(base_url=address, timeout=30) as client,
        ):
            assert client.post("/predict", json=TREE).status_code == 200


def _sign(*words: str) -> None:
    command = [sys.executable, "-m", "tabento", "sign", *words]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=60)


def _failed_start(settings: dict[str, str]) -> str:
    """Start the service, which must fail, and return its output."""
    process = subprocess.run(
        [BENTOML, "serve", "service:Tabento", "--arg", "model=orchard", "--host", "127.0.0.1"],
        cwd=ROOT,
        env={**os.environ, "BENTOML_PORT": "0", **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode != 0
    return process.stdout + process.stderr
