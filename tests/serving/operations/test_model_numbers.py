"""The numbers of each model: bounded, and their sum is always the whole service's."""

from __future__ import annotations

import random

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_plain

from monitoring.snapshots import Snapshot, merge, retire
from runners.stats import SECONDS
from serving.operations.exposition import HISTOGRAM_SERIES_LIMIT, OPENMETRICS_TEXT, PLAIN_TEXT, TextFormat
from serving.operations.metrics import Metrics
from serving.operations.model_numbers import FAMILIES, FORMER_VERSIONS, OTHER, ModelCounts, ModelNumbers


def _answer(numbers: ModelNumbers, latency_s: float = 0.004, rows: int = 1) -> None:
    """Count one answer as ``serving.prediction`` does."""
    numbers.latency_s.add(latency_s)
    numbers.rows += rows


def test_a_model_has_its_own_numbers_by_version_and_variant() -> None:
    """Answers, errors, rows and latencies have the labels of the version that answered."""
    counts = ModelCounts()
    champion, challenger = counts.open("orchard", "v1", "champion"), counts.open("orchard", "v2", "challenger")
    _answer(champion, rows=3)
    _answer(challenger)
    challenger.count_error(500)
    values = counts.values()
    assert values["tabento_model_requests"] == {
        ("orchard", "v1", "champion", "200"): 1,
        ("orchard", "v2", "challenger", "200"): 1,
        ("orchard", "v2", "challenger", "500"): 1,
    }
    assert values["tabento_model_rows"] == {("orchard", "v1", "champion"): 3, ("orchard", "v2", "challenger"): 1}
    histogram = counts.histograms()["tabento_model_request_seconds"]["orchard", "v1", "champion"]
    assert (sum(histogram.counts), histogram.total) == (1, 0.004)
    assert values["tabento_models_loaded"] == {(): 2}


def test_the_first_models_have_their_own_numbers_and_all_others_share() -> None:
    """The order of the settings decides, not the order in which models are loaded; the rest is ``other``."""
    counts = ModelCounts(max_models=2)
    counts.reserve(["a", "b", "c"])
    for name in ("d", "c", "b", "a"):
        _answer(counts.open(name, "v1", "champion"))
    assert counts.values()["tabento_model_requests"] == {
        ("a", "v1", "champion", "200"): 1,
        ("b", "v1", "champion", "200"): 1,
        (OTHER, "", "", "200"): 2,
    }
    assert counts.values()["tabento_models_loaded"] == {(): 4}


def test_a_version_that_is_loaded_again_continues_its_numbers() -> None:
    """A model that was unloaded for lack of memory and loaded again has no gap and no reset in its counters."""
    counts = ModelCounts()
    first = counts.open("orchard", "v1", "champion")
    _answer(first)
    counts.close(first)
    reloaded = counts.open("orchard", "v1", "champion")
    _answer(reloaded)
    assert counts.values()["tabento_model_requests"] == {("orchard", "v1", "champion", "200"): 2}
    assert counts.n_loaded == 1


def test_former_versions_are_bounded_and_the_totals_stay() -> None:
    """After two hundred versions a model has a few series, and the service's latencies still count every answer."""
    counts = ModelCounts()
    random_numbers = random.Random(7)
    n_answers = 0
    live = counts.open("orchard", "v0", "champion")
    for number in range(1, 201):
        for _ in range(random_numbers.randrange(4)):
            _answer(live)
            n_answers += 1
        newer = counts.open("orchard", f"v{number}", "champion")
        counts.close(live)
        live = newer
        assert sum(counts.latency_s().counts) == n_answers
    versions = [labels[1] for labels in counts.values()["tabento_model_rows"]]
    assert versions == [f"v{number}" for number in range(200 - FORMER_VERSIONS, 201)]
    assert len(counts.histograms()["tabento_model_request_seconds"]) == FORMER_VERSIONS + 1


def test_two_loaded_copies_of_one_version_share_their_numbers() -> None:
    """A version that is loaded twice for a moment keeps its numbers until the second copy is unloaded."""
    counts = ModelCounts()
    first, second = (counts.open("orchard", "v1", "champion") for _ in range(2))
    assert first is second
    counts.close(first)
    for number in range(2, 10):
        counts.close(counts.open("orchard", f"v{number}", "champion"))
    assert ("orchard", "v1", "champion") in counts.values()["tabento_model_rows"]


def test_loads_and_evictions_are_counted() -> None:
    """Loads are counted by result."""
    counts = ModelCounts()
    for result in ("loaded", "loaded", "integrity"):
        counts.count_load(result)
    counts.evictions += 1
    assert counts.values()["tabento_model_loads"] == {("loaded",): 2, ("integrity",): 1}
    assert counts.values()["tabento_model_evictions"] == {(): 1}


def test_the_numbers_of_workers_add_up_by_model() -> None:
    """Histograms with labels are sums over the workers, also over ended ones."""
    snapshots = []
    for name in ("orchard", "harvest", "orchard"):
        metrics = Metrics()
        _answer(metrics.models.open(name, "v1", "champion"))
        snapshots.append(metrics.snapshot())
    merged = merge(FAMILIES, snapshots[:2], retire(FAMILIES, snapshots[2], Snapshot()))
    histograms = merged.histogram_series["tabento_model_request_seconds"]
    assert {labels[0]: sum(buckets.counts) for labels, buckets in histograms.items()} == {"orchard": 2, "harvest": 1}
    text = PLAIN_TEXT.exposition(merged, FAMILIES).decode()
    labels = 'model="orchard",variant="champion",version="v1"'
    assert 'tabento_model_requests_total{model="orchard",status="200",variant="champion",version="v1"} 2.0' in text
    assert f'tabento_model_request_seconds_bucket{{le="0.005",{labels}}} 2.0' in text
    assert f"tabento_model_request_seconds_sum{{{labels}}} 0.008" in text


def test_the_number_of_histograms_is_bounded() -> None:
    """A metric shows a bounded number of histograms, and says how many it omits."""
    counts = ModelCounts(max_models=1_000)
    for number in range(HISTOGRAM_SERIES_LIMIT + 5):
        counts.open(f"model_{number:04}", "v1", "champion")
    text = PLAIN_TEXT.exposition(Snapshot(histogram_series=counts.histograms()), FAMILIES).decode()
    assert text.count("\ntabento_model_request_seconds_count{") == HISTOGRAM_SERIES_LIMIT
    assert 'tabento_metric_series_omitted{metric="tabento_model_request_seconds"} 5.0' in text


@pytest.mark.parametrize("text_format", [PLAIN_TEXT, OPENMETRICS_TEXT], ids=["plain", "openmetrics"])
def test_a_long_text_is_made_in_parts(text_format: TextFormat) -> None:
    """The parts of a metric with many series have one head together, and each part is short."""
    counts = ModelCounts()
    for number in range(50):
        _answer(counts.open(f"model_{number:02}", "v1", "champion"))
    snapshot = Snapshot(counts.values(), {}, counts.histograms())
    parts = list(text_format.parts(snapshot, FAMILIES))
    assert max(part.count(b"\n") for part in parts) < 200
    text = b"".join(parts).decode()
    assert text == text_format.exposition(snapshot, FAMILIES).decode()
    assert text.count("# TYPE tabento_model_request_seconds histogram") == 1
    assert text.count("\ntabento_model_request_seconds_count{") == 50
    read = read_openmetrics if text_format is OPENMETRICS_TEXT else read_plain
    families = {family.name: family for family in read(text)}
    assert len(families["tabento_model_request_seconds"].samples) == 50 * (len(SECONDS) + 3)
