"""``tabento bento``: what is built, under which name, and what a person reads at the end."""

from __future__ import annotations

import subprocess
import sys
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

    def command(bundle_tag: str, _: Path) -> list[str]:
        bundles.append(bundle_tag)
        return [sys.executable, "-c", program]

    monkeypatch.setattr(bento, "build_command", command)
    return bundles


def test_bento_is_named_after_its_model() -> None:
    """Name, labels and argument of the build say which model it is; BentoML knows each of these options."""
    command = build_command("churn:abc", Path("/checkout"))
    for words in (
        ["build", "/checkout"],
        ["--name", "tabento-churn"],
        ["--label", "model=churn"],
        ["--label", "model_version=abc"],
        ["--arg", "model=churn:abc"],
        ["--output", "tag"],
    ):
        index = command.index(words[1])
        assert command[index - 1 : index + 1] == words


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
    assert "make image MODEL=orchard" in out
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
    assert next_steps("tabento-churn:x", "churn")[1] == ("make an image", "make image MODEL=churn")
