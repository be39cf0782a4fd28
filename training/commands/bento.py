"""``tabento bento``: build a Bento that holds one bundle, named after its model."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click

import training
from tabento.command_line.commands import SectionedCommand, verbose_option
from tabento.errors import TabentoError
from training.commands.options import Invocation
from training.installing import install_command, program

EXAMPLES = """examples:
  tabento bento NAME
  tabento bento NAME:VERSION
  tabento bento $(tabento models resolve NAME@champion --fetch)

The Bento is called tabento-NAME. `make image MODEL=NAME` turns the latest into an image.
"""
PREFIX = "tabento-"
"""The prefix of the model's name in the name of its Bento."""
_TAG = re.compile(r"^__tag__:(\S+)$", re.MULTILINE)
_SHOWN_LINES = 12


def bento(invocation: Invocation, model: str) -> None:
    """Build the Bento and print its next steps.

    Raises:
        PreflightError: the store cannot be written.
        BundleError: the store does not have the model, or it does not verify.
        TabentoError: BentoML could not build it, or this is not a checkout.
    """
    _, progress = invocation.begin(needs_home=True)
    from tabento.bundle.store import load_bundle

    bundle = load_bundle(model)
    with progress.step(f"Build a Bento of {bundle.tag}") as step:
        step.detail = tag = build(bundle.tag)
    progress.listing(f"Built {tag}", next_steps(tag, bundle.name))


def build(bundle_tag: str) -> str:
    """Build the Bento of a bundle and return its tag.

    Raises:
        TabentoError: BentoML could not, or this is not a checkout.
    """
    root = Path(training.__file__).resolve().parents[1]
    if not (root / "bentofile.yaml").is_file():
        raise TabentoError(
            f"a Bento is built in a checkout of Tabento, and {root} has no bentofile.yaml. Give the command there."
        )
    # BentoML looks for uv on PATH; a virtual environment that nobody has activated is not on it.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    process = subprocess.run(  # noqa: S603 - its own interpreter
        build_command(bundle_tag, root),
        cwd=root,
        env={"BENTOML_DO_NOT_TRACK": "True", **os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    built = _TAG.search(process.stdout)
    if process.returncode != 0 or built is None:
        end = "\n".join((process.stderr.strip() or process.stdout.strip()).splitlines()[-_SHOWN_LINES:])
        raise TabentoError(
            f"BentoML could not build a Bento of {bundle_tag} (status {process.returncode}). The end of its output:\n{end}\n"
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
    """Return the uses of a Bento, each with its command."""
    bentoml = program("bentoml")
    return [
        ("serve it here", f"{bentoml} serve {bento_tag}"),
        ("make an image", f"make image MODEL={model}"),
        ("as a file", f"{bentoml} export {bento_tag} ."),
        ("look into it", f"{bentoml} get {bento_tag}"),
    ]


command = SectionedCommand(
    "bento",
    callback=click.pass_obj(bento),
    help="Build a Bento that holds one model of the store, and print what can be done with it.",
    epilog=EXAMPLES,
    params=[
        click.Argument(["model"], metavar="NAME[:VERSION]", help="a model of the store; NAME alone means the latest"),
        verbose_option(),
    ],
)
