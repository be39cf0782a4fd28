"""The graphs of champion and challengers answer as computed by hand, and have exactly their fault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.live_rollouts.versions import (
    BREAKING_WIDTH,
    CONTRACT,
    ERROR_SHARE,
    KINDS,
    Kind,
    draw_row,
    expected_answer,
    make_graph,
)
from runners.errors import RunnerError
from runners.session import OnnxSession
from serving.codec.decode import Decoder

N_ROWS = 200


def _session(kind: Kind, folder: Path) -> OnnxSession:
    path = folder / "model.onnx"
    path.write_bytes(make_graph(CONTRACT, kind).SerializeToString())
    return OnnxSession(path, len(CONTRACT.features))


def _pack_rows(rows: list[dict[str, Any]]) -> np.ndarray[Any, Any]:
    decoded = Decoder(CONTRACT, len(rows)).decode(json.dumps({"instances": rows}).encode())
    return np.frombuffer(decoded.data).reshape(decoded.count, -1)


@pytest.mark.parametrize("kind", KINDS)
def test_each_version_answers_as_computed_by_hand(kind: Kind, tmp_path: Path) -> None:
    """Rows on which nothing breaks get the answer that is computed by hand."""
    random = np.random.default_rng(1)
    rows = [draw_row(random, False) for _ in range(N_ROWS)]
    answers = _session(kind, tmp_path).run(_pack_rows(rows))
    np.testing.assert_allclose(np.asarray(answers).ravel(), [expected_answer(row, kind) for row in rows], rtol=1e-12)


def test_only_the_version_with_errors_fails_and_only_on_some_rows(tmp_path: Path) -> None:
    """A row with a wide crown breaks this version; about 6% of the rows have one."""
    random = np.random.default_rng(2)
    breaking = _pack_rows([draw_row(random, True)])
    with pytest.raises(RunnerError):
        _session("errors", tmp_path).run(breaking)
    assert len(_session("equal", tmp_path).run(breaking)) == 1
    widths = [draw_row(random)["crown width"] for _ in range(10_000)]
    share = np.mean([width > BREAKING_WIDTH for width in widths])
    assert share == pytest.approx(ERROR_SHARE, abs=0.01)
