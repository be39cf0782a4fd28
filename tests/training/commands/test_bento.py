"""``tabento bento``: what is built, under which name, and what a person reads at the end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

import training
from training.__main__ import main
from training.commands import bento
from training.commands.bento import build_command, next_steps

ROOT = Path(training.__file__).resolve().parents[1]


def builder(monkeypatch: pytest.MonkeyPatch, program: str) -> list[str]:
    """Let a small program run in the place of BentoML's builder; return the list of bundles that it is asked for."""
    bundles: list[str] = []

    def command(bundle_tags: Sequence[str], *_: object) -> list[str]:
        bundles.extend(bundle_tags)
        return [sys.executable, "-c", program]

    monkeypatch.setattr(bento, "build_command", command)
    return bundles


def test_bento_is_named_after_its_model() -> None:
    """Name, labels and argument of the build say which model it is; BentoML knows each of these options."""
    command = build_command(["churn:abc"], {"churn:abc": "0f"}, Path("/checkout"))
    assert "models" not in " ".join(command[command.index("--arg") :])
    for words in (
        ["build", "/checkout"],
        ["--name", "tabento-churn"],
        ["--label", "model=churn"],
        ["--label", "model_version=abc"],
        ["--label", "models=churn:abc"],
        ["--label", "bundles=sha256:0f"],
        ["--arg", "model=churn:abc"],
        ["--output", "tag"],
    ):
        index = command.index(words[1])
        assert command[index - 1 : index + 1] == words


def test_further_models_are_arguments_and_labels() -> None:
    """The first model names the Bento and is its default; the others are passed in their order."""
    tags = ["churn:abc", "plans:x", "boston:y"]
    command = build_command(tags, dict(zip(tags, ("0a", "0b", "0c"), strict=True)), Path("/checkout"))
    assert command[command.index("--name") + 1] == "tabento-churn"
    assert "models=churn:abc,plans:x,boston:y" in command
    assert "bundles=sha256:0a,sha256:0b,sha256:0c" in command
    assert [value for option, value in pairwise(command) if option == "--arg"] == [
        "model=churn:abc",
        "models=plans:x,boston:y",
    ]


def test_version_and_packages_are_options(
    linear_bundle: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A version is passed on, a group chooses the build file, and a version that exists is an error with the remedy."""
    command = build_command(["churn:abc"], {"churn:abc": "0f"}, Path("/checkout"), "1.0.0")
    assert command[command.index("--version") + 1] == "1.0.0"
    builder(monkeypatch, "import sys; print('__tag__:x:1'); print(sys.argv[1:], file=sys.stderr)")
    groups: list[str] = []

    def choose(root: Path, names: Sequence[str]) -> Path:
        groups.extend(names)
        return root / "bentofile.yaml"

    monkeypatch.setattr(bento, "build_file", choose)
    assert main(["bento", linear_bundle, "--group", "grpc", "--group", "rollout"]) == 0
    assert groups == ["grpc", "rollout"]
    builder(monkeypatch, """raise SystemExit("Item 'tabento-orchard:1.0.0' already exists in the store /x")""")
    assert main(["bento", linear_bundle, "--version", "1.0.0"]) == 1
    error = capsys.readouterr().err
    assert "the Bento tabento-orchard:1.0.0 exists already" in error
    assert "delete tabento-orchard:1.0.0" in error


@pytest.mark.parametrize("version", ["a b", "V1", "", "-1", "x" * 64])
def test_impossible_version_is_refused_first(version: str, capsys: pytest.CaptureFixture[str]) -> None:
    """BentoML would end with a traceback after the bundles were loaded; the message has the value and an example."""
    with pytest.raises(SystemExit, match="2"):
        main(["bento", "orchard", "--version", version])
    error = capsys.readouterr().err
    assert "such as 1.0.0, got " in error
    assert repr(version) in error


def test_model_named_twice_is_refused(linear_bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A Bento has one version of a model, so nothing is built."""
    assert main(["bento", linear_bundle, "orchard"]) == 1
    assert "orchard is named twice" in capsys.readouterr().err


def test_next_steps_are_ours(
    linear_bundle: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The latest version is built, and what comes next are commands of this project that hold the new tag."""
    bundles = builder(monkeypatch, "print('noise'); print('__tag__:tabento-orchard:x1')")
    assert main(["bento", linear_bundle]) == 0
    out = capsys.readouterr().out
    assert bundles == [linear_bundle]
    assert "Built tabento-orchard:x1" in out
    assert "serve tabento-orchard:x1" in out
    assert "-m deploy.image --bento tabento-orchard:x1" in out
    assert "containerize" not in out


@pytest.mark.parametrize(
    ("program", "reason"),
    [("raise SystemExit('no room')", "status 1"), ("print('built, but no tag')", "status 0")],
)
def test_failed_build_is_told(
    program: str,
    reason: str,
    linear_bundle: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The end of what BentoML said, its status and what to do."""
    builder(monkeypatch, program)
    assert main(["bento", linear_bundle]) == 1
    err = capsys.readouterr().err
    assert reason in err
    assert "no room" in err or "no tag" in err


def test_unknown_model_and_missing_checkout_are_told(
    linear_bundle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model that is not stored, and an installed package without the files of the checkout."""
    assert main(["bento", "nowhere"]) == 1
    assert "has no bundle nowhere" in capsys.readouterr().err
    monkeypatch.setattr(training, "__file__", str(tmp_path / "training" / "__init__.py"))
    assert main(["bento", linear_bundle]) == 1
    assert "is built in a checkout" in capsys.readouterr().err


def test_make_and_deploy_know_the_name() -> None:
    """`make image` takes the Bento that `make bento` has built of the same model."""
    done = subprocess.run(
        ["make", "-n", "-o", "bento", "image", "MODEL=churn"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "deploy.image --bento tabento-churn" in done.stdout
    assert next_steps("tabento-churn:x")[1][1].endswith("python -m deploy.image --bento tabento-churn:x")
