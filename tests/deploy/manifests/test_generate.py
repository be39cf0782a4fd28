"""The copies in overlays and chart are up to date with the files that they repeat."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from deploy.manifests import generate
from deploy.manifests.tools import ROOT
from rollout.document import read_document


def test_copies_are_up_to_date() -> None:
    """No copy differs from the text that the command would write."""
    assert generate.stale_files() == []


def test_a_changed_or_missing_copy_is_stale(tmp_path: Path) -> None:
    """A copy with another text and a copy that does not exist are both named."""
    files = generate.generated_files()
    first, *remaining_paths = files
    (tmp_path / first).parent.mkdir(parents=True)
    (tmp_path / first).write_text(files[first] + "# changed\n")
    assert generate.stale_files(tmp_path) == [first, *remaining_paths]


def test_the_component_has_every_rule() -> None:
    """The PrometheusRule has the groups of deploy/prometheus, rule for rule."""
    path = ROOT / "deploy/kubernetes/components/prometheusrule/prometheusrule.yaml"
    groups = yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]["groups"]
    assert groups == yaml.safe_load(generate.RULES_FILE.read_text(encoding="utf-8"))["groups"]
    assert sum(len(group["rules"]) for group in groups) > 20


def test_the_empty_rollout_document_is_valid() -> None:
    """The service accepts the document of the base: no model is listed, so each is served as the settings say."""
    assert read_document(generate.ROLLOUT_FILE.read_bytes(), "rollout.json").models == {}


def test_check_writes_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``--check`` a stale copy is status 1 and a message with the command that writes it."""
    monkeypatch.setattr(generate, "stale_files", lambda: [Path("deploy/helm/x")])
    assert generate.main(["--check"]) == 1
    assert capsys.readouterr().err == "stale: deploy/helm/x; run python -m deploy.manifests.generate\n"
