"""The shipped configurations for replicas: their addresses can be replaced, and their routes of predictions are those of the service."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from benchmarks.process import BenchmarkError
from benchmarks.rolling.proxies import FILES, PLACES, replace_once, with_ports
from serving.protocols.paths import is_prediction_path
from serving.routes.paths import PREDICT_PATHS, model_paths, predict_target

NAMES = ("haproxy-replicas.cfg", "nginx-replicas.conf")
PREDICTIONS = (
    *PREDICT_PATHS,
    *model_paths("plans"),
    "/v2/models/plans/infer",
    "/v2/models/plans/versions/v1/infer",
    "/invocations",
)
OTHER_PATHS = ("/feedback", "/models", "/models/plans/champion", "/admin/predict-log", "/metrics", "/predicted")


@pytest.mark.parametrize("name", NAMES)
def test_every_address_of_a_replica_is_replaced(name: str) -> None:
    """A configuration with other ports has none of the shipped ports, and each new one."""
    text = with_ports((FILES / name).read_text(encoding="utf-8"), range(41_001, 41_001 + PLACES))
    assert not re.search(r"127\.0\.0\.1:300\d", text)
    assert set(re.findall(r"127\.0\.0\.1:(41\d+)", text)) == {"41001", "41002", "41003", "41004"}


def test_a_wrong_number_of_ports_and_a_missing_text_are_errors() -> None:
    """The message has the expected and the actual number."""
    with pytest.raises(BenchmarkError, match="expected 4 ports, one for each address of the configuration, got 2"):
        with_ports("", [1, 2])
    with pytest.raises(BenchmarkError, match="expected 'a' once in the configuration, got it 2 times"):
        replace_once("a a", {"a": "b"})


def _is_repeated_by_haproxy(path: str) -> bool:
    match = re.search(r"acl is_prediction path_end (.+)", (FILES / NAMES[0]).read_text(encoding="utf-8"))
    assert match is not None
    return path.endswith(tuple(match[1].split()))


def _is_repeated_by_nginx(path: str) -> bool:
    match = re.search(r"location ~ (\S+) \{", (FILES / NAMES[1]).read_text(encoding="utf-8"))
    assert match is not None
    return re.search(match[1], path) is not None


@pytest.mark.parametrize("is_repeated", [_is_repeated_by_haproxy, _is_repeated_by_nginx])
def test_only_predictions_are_repeated(is_repeated: Callable[[str], bool]) -> None:
    """Both proxies repeat requests on every path of a prediction, and on no other path."""
    assert [path for path in PREDICTIONS if not is_repeated(path)] == []
    assert [path for path in OTHER_PATHS if is_repeated(path)] == []
    assert all(predict_target(path) or is_prediction_path(path) for path in PREDICTIONS)
