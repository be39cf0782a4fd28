"""KServe's own REST client, unmodified, with a real server."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import httpx
import pytest

from serving.protocols.tensor_rows import input_metadata
from tests.bundles import TREE, orchard_contract
from tests.conftest import KSERVE_PYTHON

PROGRAM = Path(__file__).with_name("kserve_program.py")


@pytest.mark.others
@pytest.mark.skipif(not KSERVE_PYTHON.exists(), reason="KServe's client is not installed (make test-others)")
def test_the_client_of_kserve_is_answered(client: httpx.Client, server: str) -> None:
    """Probes, predictions as JSON and as binary data, and the message of an error reach the client."""
    contract = orchard_contract()
    rows = [TREE, {**TREE, "age": 3, "slope": 2.5}]
    task = {
        "address": server,
        "model": contract.name,
        "types": {tensor.name: tensor.datatype for tensor in input_metadata(contract)},
        "rows": rows,
    }
    done = subprocess.run(
        [str(KSERVE_PYTHON), "-P", str(PROGRAM)], input=json.dumps(task), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers = json.loads(done.stdout.splitlines()[-1])
    expected = client.post("/predict", json={"instances": rows}).json()["predictions"]
    assert answers["live"]
    assert answers["ready"]
    assert answers["model_ready"]
    assert answers["binary False"] == answers["binary True"] == ["7", expected]
    assert "'age': expected an integer between 1 and 90" in answers["error"]
