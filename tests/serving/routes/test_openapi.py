"""The OpenAPI document says what the service does; schemathesis tries to prove it wrong."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.bundles import TREE
from tests.examples import examples
from tests.serving.fuzzing import schemathesis


def test_fields_have_their_names_ranges_and_examples(client: httpx.Client) -> None:
    """A reader sees the model's own fields, not a generic object."""
    document = client.get("/docs.json").json()
    row = document["components"]["schemas"]["Row"]
    assert set(row["properties"]) == set(TREE)
    assert row["properties"]["age"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 90,
        "description": "Age of the tree. [years]",
    }
    assert "slope" not in row["required"]
    examples = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    assert client.post("/predict", json=examples["one object"]["value"]).status_code == 200
    assert client.post("/predict", json=examples["many rows"]["value"]).status_code == 200


def test_synthetic_data_is_announced(client: httpx.Client) -> None:
    """Nobody reads the document without seeing that the model never saw real data."""
    assert "synthetic data only" in client.get("/docs.json").json()["info"]["description"]


@pytest.mark.slow
def test_schemathesis_finds_nothing(server: str, tmp_path: Path) -> None:
    """Generated right and wrong requests to every operation get what the document promises, and never a 500."""
    schemathesis(server, tmp_path, max_examples=examples(40))
