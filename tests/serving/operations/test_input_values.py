"""Missing, unusual and refused values are counted once, whichever decoder read them."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from runners.costs import BatchCosts
from runners.runner import Runner, RunnerOptions
from serving.codec.decode import Decoder
from serving.codec.identify import decoder_of
from serving.codec.input_policies import InputPolicies
from serving.codec.rows import Rows
from serving.errors import InvalidError
from serving.operations import input_values
from serving.operations.input_values import InputCounts, InputValues
from serving.operations.metrics import Metrics, exposition
from serving.settings import InputPolicy
from tabento.bundle.store import read_bundle
from tests.bundles import TREE, orchard_contract, write_bundle
from tests.runners.bench import HandOffload
from tests.runners.echo import EchoModel
from tests.runners.manual_loop import ManualLoop

ORCHARD = orchard_contract()
WIDTH = len(ORCHARD.features)


def _count_values(policies: dict[str, InputPolicy], *rows: dict[str, Any]) -> InputCounts:
    """Return the counts of some requests of one row each."""
    resolved = InputPolicies(ORCHARD, policies)
    decoder = decoder_of(ORCHARD, 5, policies=resolved)
    counts: InputCounts = {}
    values = InputValues(resolved, WIDTH, counts)
    for row in rows:
        values.record(decoder.decode(json.dumps(row).encode()))
    values.flush()
    return counts


def test_a_usual_row_is_not_count_values() -> None:
    """Values within the contract have no counter."""
    assert _count_values({}, {**TREE, "slope": 3.5}) == {}


def test_missing_values_are_counted_on_both_ways() -> None:
    """Null and a field that is not sent count as null; a text in place of a truth value takes the careful way."""
    without_slope = {key: value for key, value in TREE.items() if key != "slope"}
    counts = _count_values({}, TREE, without_slope, {**TREE, "soil": None}, {**TREE, "pruned": "yes"})
    assert counts == {("slope", "null", "accepted"): 4, ("soil", "null", "accepted"): 1}


def test_accepted_and_clipped_values_are_count_values() -> None:
    """Unknown categories, accepted numbers and clipped numbers count by their treatment."""
    row = {**TREE, "slope": 1.0}
    counts = _count_values(
        {"age": "clip", "height": "accept"},
        {**row, "age": 91},
        {**row, "height": 0.25},
        {**row, "height": 500, "soil": "moon"},
        {**row, "height": 20, "age": 90},
    )
    assert counts == {
        ("age", "out_of_range", "clipped"): 1,
        ("height", "out_of_range", "accepted"): 2,
        ("soil", "unknown_category", "accepted"): 1,
    }


def test_only_features_are_labels() -> None:
    """A refused field that is not a feature is not counted, so that clients cannot make series."""
    counts: InputCounts = {}
    values = InputValues(InputPolicies(ORCHARD), WIDTH, counts)
    with pytest.raises(InvalidError) as error_info:
        Decoder(ORCHARD, 5).decode(json.dumps({**TREE, "age": 0, "moon": 1}).encode())
    values.count_refused(error_info.value.kinds)
    values.count_refused({("moon", "other"): 1})
    assert counts == {("age", "out_of_range", "refused"): 1}


def test_waiting_rows_are_bounded() -> None:
    """Rows are counted without a scrape as soon as they have some bytes."""
    counts: InputCounts = {}
    values = InputValues(InputPolicies(ORCHARD), WIDTH, counts)
    row = Decoder(ORCHARD, 5).decode(json.dumps(TREE).encode())
    needed = -(-input_values.PENDING_BYTES // len(row.data))
    for _ in range(needed):
        assert not counts
        values.record(row)
    assert counts == {("slope", "null", "accepted"): needed}


def test_the_numbers_of_texts_are_not_count_values() -> None:
    """Behind the features a packed row has the numbers of its texts, which are no values of features."""
    counts: InputCounts = {}
    values = InputValues(InputPolicies(ORCHARD), WIDTH + 2, counts)
    values.record(Rows(np.array([*[1.0] * (WIDTH - 1), np.nan, np.nan, np.nan] * 2).tobytes(), 2, False))
    values.flush()
    assert counts == {("soil", "null", "accepted"): 2}


def test_a_scrape_shows_all_values_so_far(tmp_path: Path) -> None:
    """A snapshot counts the waiting rows first."""
    metrics = Metrics()
    inputs = InputValues(InputPolicies(ORCHARD), WIDTH, metrics.input_values)
    loop, options = ManualLoop(), RunnerOptions(slo_s=1.0)
    runner = Runner(EchoModel(), loop, HandOffload(), options, BatchCosts(options.max_batch_rows))
    bundle = read_bundle(write_bundle(tmp_path), "orchard:v1")
    metrics.add_model(
        SimpleNamespace(bundle=bundle, runner=runner, inputs=inputs, variant="champion", numbers=metrics.models.other)
    )
    inputs.record(Decoder(ORCHARD, 5).decode(json.dumps(TREE).encode()))
    text = exposition(metrics.snapshot())
    assert b'tabento_input_values_total{feature="slope",kind="null",treatment="accepted"} 1.0' in text


def test_models_without_numbers_of_their_own_have_one_label(tmp_path: Path) -> None:
    """The values of a model beyond the limit are counted under one feature, so that a thousand models stay few series."""
    counts: InputCounts = {}
    values = InputValues(InputPolicies(ORCHARD), WIDTH, counts, by_feature=False)
    values.record(Decoder(ORCHARD, 5).decode(json.dumps({**TREE, "slope": None}).encode()))
    values.count_refused({("age", "range"): 2, ("height", "range"): 1})
    values.flush()
    assert counts == {("other", "null", "accepted"): 1, ("other", "range", "refused"): 3}
