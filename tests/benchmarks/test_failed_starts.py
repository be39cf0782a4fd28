"""Failed starts: each fault on the entry point of an image, some on ``bentoml serve``, and the checks on starts that break them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.failed_starts.faults import FAULTS, setting
from benchmarks.failed_starts.starts import SERVERS, Fault, make_home, run_start
from benchmarks.failed_starts.surroundings import Surroundings
from benchmarks.failed_starts.table import markdown, shorten

IMAGE = "image"
BENTOML = "bentoml serve"
ON_BENTOML = (
    "no-bundle",
    "foreign-graph",
    "port-wrong",
    "address",
    "keys-missing",
    "setting-unknown",
    "champion-missing",
)
"""Faults that the two servers find at different places."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model store with the bundle that is served."""
    return make_home(tmp_path_factory.mktemp("failed-starts"))


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_an_image_tells_each_fault_in_one_line(name: str, home: Path) -> None:
    """It ends with status 1, or it is degraded as the table says."""
    assert run_start(FAULTS[name], IMAGE, home).failed == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ON_BENTOML)
def test_bentoml_serve_tells_the_same(name: str, home: Path) -> None:
    """The line of ``bentoml serve`` has the words of the line of an image."""
    assert run_start(FAULTS[name], BENTOML, home).failed == []


def test_a_start_that_ends_for_another_reason_is_a_failure(home: Path) -> None:
    """The words of the last line are checked, not only the exit code."""
    fault = Fault("a wrong expectation", setting("TABENTO_PROFILE", "prod"), ("a bundle",))
    assert run_start(fault, IMAGE, home).failed == ["expected 'a bundle' in the last line"]


@pytest.mark.slow
def test_a_service_that_is_not_degraded_is_a_failure(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start without a fault answers, so the expected component is missed."""
    monkeypatch.setattr("benchmarks.failed_starts.starts.TOLD_S", 0.2)

    def change_nothing(_: Surroundings) -> None:
        pass

    start = run_start(Fault("nothing", change_nothing, ("disk",), "monitoring"), IMAGE, home)
    assert start.outcome == "answers; `monitoring` is degraded"
    assert [text.partition(",")[0] for text in start.failed] == ["expected monitoring to be degraded with ('disk'"]


def test_the_table_has_a_row_for_each_fault() -> None:
    """Equal words of both servers are one cell; failed expectations are rows of their own."""
    start = {"server": IMAGE, "outcome": "ends with 1", "line": "no | bundle", "failed": []}
    other = {**start, "server": BENTOML, "line": "another", "failed": ["a traceback"]}
    text = markdown(
        {"faults": {"a": {"title": "A", "starts": [start, start]}, "b": {"title": "B", "starts": [start, other]}}}
    )
    rows = text.splitlines()[2:]
    assert rows == [
        "| A | ends with 1 | no \\| bundle |",
        "| B | ends with 1 | no \\| bundle<br>another |",
        "| **failed** (bentoml serve): a traceback | | |",
    ]


def test_a_cell_has_nothing_of_one_run() -> None:
    """Temporary folders, digests and random ports would change the page with each run."""
    line = f"/x/failed-starts-x1/home/models at port 54321 of a:43210: {'f' * 64} is long {'x' * 400}"
    cell = shorten(line)
    assert cell.startswith("home/models at port N of a:N: … is long")
    assert len(cell) == 260
    assert shorten("grpc_port 43210 of 127.0.0.1 is in use") == "grpc_port N of 127.0.0.1 is in use"


def test_both_servers_are_tried() -> None:
    """BentoML's server in a checkout, and the entry point of an image."""
    assert set(SERVERS) == {IMAGE, BENTOML}
