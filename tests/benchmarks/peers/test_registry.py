"""The registry of peers: each peer has a command, requests and answers, and runs with the same libraries."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.bodies import BenchModel, Body
from benchmarks.peers.install import install
from benchmarks.peers.registry import PEERS, PEERS_FOLDER, Peer, contract_of
from benchmarks.process import ROOT, BenchmarkError
from tests.bundles import TREE, orchard_contract, write_bundle

CONTRACT: dict[str, Any] = json.loads(orchard_contract().model_dump_json())
ONE_ROW = Body([TREE], ["12.5"], ["12.500000000000002"])
TWO = Body([TREE, {**TREE, "slope": 3.5}], ["12.5", "13.25"], ["12.5", "13.25"])
PINNED = re.compile(r"^([\w.\[\]-]+)==([\w.+]+)( ; python_full_version < '3.12')? \\$", re.MULTILINE)
ALL_PEERS = pytest.mark.parametrize("peer", PEERS.values(), ids=PEERS)


def _pins(path: Path) -> dict[str, str]:
    return {name: version for name, version, _ in PINNED.findall(path.read_text(encoding="utf-8"))}


@ALL_PEERS
def test_a_request_is_json(peer: Peer) -> None:
    """One row gives a path and a body that every JSON parser takes, a missing value as null."""
    path, body = peer.request(ONE_ROW, CONTRACT)
    assert path.startswith("/")
    assert json.loads(body, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


@ALL_PEERS
def test_an_answer_begins_with_its_own_prediction(peer: Peer) -> None:
    """The expected prefix holds the digits of graph or pipeline, whichever the peer runs."""
    digits = {"graph": b"12.5", "pipeline": b"12.500000000000002", "constant": b""}[peer.answers_as]
    prefix = peer.expected(ONE_ROW)
    assert digits in prefix
    assert prefix.isascii()


@ALL_PEERS
def test_many_rows_go_where_the_peer_takes_them(peer: Peer) -> None:
    """The other peers have no path for many rows."""
    if peer.batch_path is None:
        with pytest.raises(BenchmarkError, match="single rows only, got 2"):
            peer.request(TWO, CONTRACT)
        return
    path, body = peer.request(TWO, CONTRACT)
    assert path == peer.batch_path
    assert len(json.loads(body)["instances"]) == 2
    assert peer.expected(TWO) == b'{"predictions":[12.5,13.25]'


def test_a_tensor_has_a_number_for_every_value() -> None:
    """The V2 protocol gets one tensor of shape (N, F), categories as codes, missing values as null."""
    _, body = PEERS["mlserver_ort"].request(ONE_ROW, CONTRACT)
    (tensor,) = json.loads(body)["inputs"]
    assert tensor["shape"] == [1, len(CONTRACT["features"])]
    assert tensor["data"] == [12, 3.5, 4.25, None, 1, 1.0, 0.0]


@ALL_PEERS
def test_a_peer_has_a_module_and_locked_requirements(peer: Peer) -> None:
    """Every package is pinned and has hashes; no line names a host."""
    assert peer.name == "tabento" or (PEERS_FOLDER / f"{peer.name}.py").is_file()
    text = peer.requirements.read_text(encoding="utf-8")
    entries = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert entries
    assert all("==" in line and line.endswith("\\") for line in entries)
    assert text.count("--hash=sha256:") >= len(entries)
    assert "://" not in text
    assert "--index" not in text


@ALL_PEERS
def test_peers_run_the_libraries_that_tabento_runs(peer: Peer) -> None:
    """ONNX Runtime and NumPy are the same everywhere, and a pipeline is read by the scikit-learn version that wrote it."""
    tabento_pins, peer_pins = _pins(ROOT / "requirements" / "training.txt"), _pins(peer.requirements)
    for package in ("onnxruntime", "numpy", "scikit-learn", "pandas", "bentoml"):
        assert peer_pins.get(package, tabento_pins[package]) == tabento_pins[package]


@ALL_PEERS
def test_a_peer_without_its_environment_says_how_to_make_it(peer: Peer, tmp_path: Path) -> None:
    """The error names the command."""
    model = BenchModel("m", "m:1", *[tmp_path] * 5)
    with pytest.raises(BenchmarkError, match=r"benchmarks\.peers\.install nowhere"):
        replace(peer, environment="nowhere").command(model, 1)


def test_an_unknown_environment_is_refused() -> None:
    """The error lists the known peers."""
    with pytest.raises(BenchmarkError, match="no environment elm; there are bentoml, fastapi"):
        install("elm")


def test_the_contract_of_a_model(tmp_path: Path) -> None:
    """The contract is the content of the bundle's file."""
    folder = write_bundle(tmp_path / "bundle")
    model = BenchModel("orchard", "orchard:1", folder / "model.onnx", folder / "contract.json", *[tmp_path] * 3)
    assert [feature["name"] for feature in contract_of(model)["features"]] == list(orchard_contract().feature_names)


def test_every_peer_is_documented() -> None:
    """docs/peers.md names each server and each environment's version of it."""
    text = (ROOT / "docs" / "peers.md").read_text(encoding="utf-8")
    for peer in PEERS.values():
        assert f"`{peer.name}`" in text
        if peer.name != "tabento":
            assert _pins(peer.requirements)[peer.package] in text
