"""The entry of a fetched bundle in BentoML's model store."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import bentoml
import pytest
from bentoml import Tag
from bentoml._internal.models.model import ModelContext, ModelInfo, ModelOptions

from rollout.cascade.bentoml_entry import install
from tabento.bundle.store import Bundle, read_bundle
from tests.bundles import write_bundle
from tests.conftest import bentoml_home

ROOT = Path(__file__).parents[3]


def _fetched(folder: Path, trained_at: str = "2026-01-01T00:00:00Z") -> Bundle:
    return read_bundle(write_bundle(folder, trained_at=trained_at), "orchard:v1")


def test_the_entry_is_bentomls(tmp_path: Path) -> None:
    """The file is equal to the one that BentoML writes for the same content, and BentoML finds the version."""
    with bentoml_home(tmp_path / "home"):
        bundle = _fetched(tmp_path / "fetched")
        folder = install(bundle, "orchard:v1")
        stored = bentoml.models.get("orchard")
        assert (str(stored.tag), Path(stored.path)) == ("orchard:v1", folder)
        info = ModelInfo(
            tag=Tag("orchard", "v1"),
            module="tabento",
            labels={"fingerprint": "f" * 64, "data": "synthetic"},
            options=ModelOptions(),
            metadata={
                "metrics": {"rmse": 1.0},
                "rows": 2,
                "data_sha256": "0" * 64,
                "format_version": bundle.manifest.format_version,
            },
            context=ModelContext(framework_name="", framework_versions={}),
            signatures={},
            api_version="v1",
            creation_time=datetime(2026, 1, 1, tzinfo=UTC),
        )
        expected = io.StringIO()
        info.dump(expected)
        assert (folder / "model.yaml").read_text(encoding="utf-8") == expected.getvalue()


@pytest.mark.parametrize(("second", "latest"), [("2025-12-31T00:00:00Z", "v1"), ("2026-01-02T00:00:00+01:00", "v2")])
def test_the_newest_training_is_the_latest(tmp_path: Path, second: str, latest: str) -> None:
    """An older version that is fetched later does not become the latest one; a newer one does."""
    with bentoml_home(tmp_path / "home"):
        install(_fetched(tmp_path / "first"), "orchard:v1")
        install(_fetched(tmp_path / "second", second), "orchard:v2")
        assert str(bentoml.models.get("orchard").tag) == f"orchard:{latest}"


def test_bentoml_is_not_imported(tmp_path: Path) -> None:
    """The import would take the time of a service that answers requests."""
    write_bundle(tmp_path / "fetched")
    code = (
        "import json, sys; from pathlib import Path; from rollout.cascade.bentoml_entry import install;"
        " from tabento.bundle.store import read_bundle; folder = Path(sys.argv[1]);"
        " install(read_bundle(folder, 'orchard:v1'), 'orchard:v1'); print(json.dumps('bentoml' in sys.modules))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "fetched")],
        cwd=ROOT,
        env={"BENTOML_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(process.stdout) is False
