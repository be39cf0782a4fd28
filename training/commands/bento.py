"""``tabento bento``: build a Bento that holds one bundle, named after its model."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import training
from training.errors import TrainingError
from training.installing import install_command, program
from training.preflight import require_home

if TYPE_CHECKING:
    from training.progress import Progress
    from training.settings import TrainingSettings

EXAMPLES = """examples:
  tabento bento NAME
  tabento bento NAME:VERSION
  tabento bento $(tabento models resolve NAME@champion --fetch)

The Bento is called tabento-NAME. `make image MODEL=NAME` turns the latest into an image.
"""
PREFIX = "tabento-"
"""What stands before the model's name in the name of its Bento."""
_TAG = re.compile(r"^__tag__:(\S+)$", re.MULTILINE)
_SHOWN_LINES = 12


def add_bento(commands: Any, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``bento``.

    Args:
        commands: what ``ArgumentParser.add_subparsers`` returned.
        parents: parsers with what all subcommands share.
    """
    command = commands.add_parser(
        "bento",
        parents=list(parents),
        help="build a Bento that holds a stored model",
        description="Build a Bento that holds one model of the store, and say what can be done with it.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("model", metavar="NAME[:VERSION]", help="a model of the store; NAME alone means the latest")


def run_bento(given: argparse.Namespace, _: TrainingSettings, progress: Progress) -> int:
    """Build the Bento and tell what can be done with it; return 0.

    Raises:
        PreflightError: the store cannot be written.
        BundleError: the store does not have the model, or it does not verify.
        TrainingError: BentoML could not build it, or this is no checkout.
    """
    require_home()
    from bundle.store import load_bundle

    bundle = load_bundle(given.model)
    with progress.step(f"Build a Bento of {bundle.tag}") as step:
        step.detail = tag = build(bundle.tag)
    progress.listing(f"Built {tag}", next_steps(tag, bundle.name))
    return 0


def build(bundle_tag: str) -> str:
    """Build the Bento of a bundle and return its tag.

    Raises:
        TrainingError: BentoML could not, or this is no checkout.
    """
    root = Path(training.__file__).resolve().parents[1]
    if not (root / "bentofile.yaml").is_file():
        raise TrainingError(
            f"a Bento is built in a checkout of Tabento, and {root} has no bentofile.yaml. Give the command there."
        )
    # BentoML looks for uv on PATH; a virtual environment that nobody has activated is not on it.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    done = subprocess.run(  # noqa: S603 - its own interpreter
        build_command(bundle_tag, root),
        cwd=root,
        env={"BENTOML_DO_NOT_TRACK": "True", **os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    built = _TAG.search(done.stdout)
    if done.returncode != 0 or built is None:
        end = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-_SHOWN_LINES:])
        raise TrainingError(
            f"BentoML could not build a Bento of {bundle_tag} (status {done.returncode}). The end of what it said:\n{end}\n"
            f"If a package is missing, run `{install_command()}`."
        )
    return built[1]


def build_command(bundle_tag: str, root: Path) -> list[str]:
    """Return the command that builds the Bento of a bundle, from a checkout."""
    name, _, version = bundle_tag.partition(":")
    labels = ["--label", f"model={name}", "--label", f"model_version={version}"]
    command = [sys.executable, "-m", "bentoml", "build", str(root), "--name", f"{PREFIX}{name}", *labels]
    return [*command, "--arg", f"model={bundle_tag}", "--output", "tag"]


def next_steps(bento_tag: str, model: str) -> list[tuple[str, str]]:
    """Return what can be done with a Bento: what for, and the command."""
    bentoml = program("bentoml")
    return [
        ("serve it here", f"{bentoml} serve {bento_tag}"),
        ("make an image", f"make image MODEL={model}"),
        ("as a file", f"{bentoml} export {bento_tag} ."),
        ("look into it", f"{bentoml} get {bento_tag}"),
    ]
