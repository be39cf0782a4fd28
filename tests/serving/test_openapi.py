"""The OpenAPI document says what the service does; schemathesis tries to prove it wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from bundle.contract import Feature
from serving.openapi import feature_schema
from tests.bundles import TREE


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


@pytest.mark.parametrize(
    ("feature", "schema"),
    [
        (Feature(name="a", type="boolean", nullable=True), {"type": ["boolean", "null"]}),
        (Feature(name="a", type="category", categories=("x", "y")), {"type": "string", "enum": ["x", "y"]}),
        (
            Feature(name="a", type="category", categories=("x",), nullable=True),
            {"type": ["string", "null"], "enum": ["x", None]},
        ),
        (Feature(name="a", type="category", categories=("x",), unknown="ignore"), {"type": "string"}),
        (Feature(name="a", type="number", minimum=0), {"type": "number", "minimum": 0, "maximum": 2**53}),
    ],
)
def test_a_field_becomes_json_schema(feature: Feature, schema: dict[str, Any]) -> None:
    """Each kind of field is said in JSON Schema's own terms."""
    assert feature_schema(feature) == schema


@pytest.mark.parametrize("value", ["COX", "<1H OCEAN", "A.B+C (D)", "ÉTÉ", "日本"])
def test_a_category_in_any_case_becomes_a_pattern(value: str) -> None:
    """The pattern takes the category in every letter case, and nothing else."""
    schema = feature_schema(Feature(name="a", type="category", categories=(value,), case="upper"))
    assert re.match(schema["pattern"], value)
    assert re.match(schema["pattern"], value.lower())
    assert not re.match(schema["pattern"], value + "x")


def test_schemathesis_finds_nothing(server: str, tmp_path: Path) -> None:
    """Generated right and wrong requests to every operation get what the document promises, and never a 500."""
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{server}/docs.json"),
        *("--max-examples", "40", "--seed", "7", "--no-color", "--checks", "all"),
        *("--phases", "examples,coverage,fuzzing", "--generation-database", "none"),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert re.search(r"Tested: +8", done.stdout), done.stdout[-3000:]
