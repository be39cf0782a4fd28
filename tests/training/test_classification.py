"""A classification, from synthetic rows to the service: validation, split, fit, export, proof, store, response."""

from __future__ import annotations

from pathlib import Path

import httpx
import numpy as np
import onnxruntime
import pytest
from pydantic import BaseModel

from tabento.bundle.contract import encode_value
from tabento.bundle.format import INPUT_NAME, PREDICTION_NAME
from tabento.bundle.manifest import Provenance
from tabento.bundle.reference import CategoryDistribution, check_reference
from tabento.bundle.store import Bundle
from tabento.export import export_pipeline, serialise
from tabento.packaging.examples import pick_examples
from tabento.packaging.reference import build_reference
from tabento.packaging.save import Contents, new_tags, save
from tabento.parity import check_parity, pipeline_answers
from tabento.tables.frames import to_frame, to_rows
from tests.servers import load_service, running
from tests.training.seedlings import seedling_config
from training.data.split import split
from training.data.synthetic import generate
from training.data.validation import validate
from training.model.metrics import measure
from training.model.pipeline import fit_pipeline, threshold_of


class Latency(BaseModel):
    """A minimal table of latencies."""

    single_row_p99_us: float = 1.0


@pytest.mark.slow
def test_bundle_of_a_classification_answers_what_the_pipeline_answers(
    model_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stored bundle gives label and probabilities of every example by the chosen threshold, over HTTP as well."""
    config = seedling_config()
    parts = split(validate(generate(config.synthetic), config), config)
    pipeline = fit_pipeline(config, parts.train)
    threshold = threshold_of(pipeline)
    assert threshold is not None
    contract = config.contract(threshold=threshold)
    answers, training_answers = (
        pipeline_answers(pipeline, to_frame(to_rows(part, contract), contract), contract)
        for part in (parts.test, parts.train)
    )
    metrics = measure(config, parts.test["fate"], answers)
    assert metrics["roc_auc"] > 0.7
    assert metrics["recall"] > 0.4
    model = serialise(export_pipeline(pipeline, contract))
    parity = check_parity(pipeline, model, contract, parts.test, max_rows=500)
    reference = build_reference(config.contract(), parts.train, training_answers)
    check_reference(reference, contract)
    assert isinstance(reference.target, CategoryDistribution)
    assert reference.target.shares["died"] == parts.train["fate"].mean()
    assert reference.probabilities is not None
    assert reference.probabilities["died"].mean == float(training_answers[:, 2].mean())

    tags = new_tags(config.name)
    provenance = Provenance(
        data="synthetic",
        data_source="synthetic, seed 5",
        data_sha256="0" * 64,
        rows=900,
        fingerprint="f" * 64,
        pipeline_tag=tags.pipeline,
        trained_at="2026-01-01T00:00:00+00:00",
        versions={"python": "3"},
    )
    contents = Contents(
        model=model,
        contract=contract,
        reference=reference,
        examples=pick_examples(parts.test, answers, contract),
        latency=Latency(),
        metrics=metrics,
        parity=parity,
        card="# Seedlings\n",
    )
    checked: list[Bundle] = []
    stored = save(tags, pipeline, contents, provenance, checked.append)
    assert [bundle.tag for bundle in checked] == [tags.bundle]
    assert stored.contract.output.threshold == threshold

    rows = np.array(
        [[encode_value(feature, row[feature.name]) for feature in contract.features] for row in stored.examples],
        dtype=np.float64,
    )
    session = onnxruntime.InferenceSession(stored.model_path, providers=["CPUExecutionProvider"])
    graph_answers = session.run([PREDICTION_NAME], {INPUT_NAME: rows})[0]
    np.testing.assert_allclose(
        graph_answers, pipeline_answers(pipeline, to_frame(rows, contract), contract), rtol=1e-12
    )
    np.testing.assert_array_equal(graph_answers[:, 0], graph_answers[:, 2] >= threshold)
    assert set(graph_answers[:, 0]) == {0.0, 1.0}

    # Server and client share one process, so the service must not refuse requests for their latency.
    monkeypatch.setenv("TABENTO_SLO_P99_MS", "60000")
    monkeypatch.setenv("TABENTO_DRAIN_S", "0")
    application = load_service(stored.tag, "service_of_seedlings").Tabento.to_asgi()
    with running(application) as address:
        body = httpx.post(f"{address}/predict", json={"instances": list(stored.examples)}, timeout=30).json()
    assert body["predictions"] == ["died" if label else "alive" for label in graph_answers[:, 0]]
    np.testing.assert_allclose([shares["died"] for shares in body["probabilities"]], graph_answers[:, 2], rtol=1e-12)
