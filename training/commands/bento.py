"""``tabento bento``: build a Bento that holds one bundle or several, named after the first one's model."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

import training
from tabento.bundle.format import MANIFEST_FILE
from tabento.command_line.commands import SectionedCommand, verbose_option
from tabento.errors import TabentoError
from training.commands.bento_packages import GROUPS, build_file
from training.commands.options import Invocation
from training.installing import install_command, program

EXAMPLES = """examples:
  tabento bento NAME
  tabento bento NAME:VERSION
  tabento bento FIRST SECOND THIRD
  tabento bento NAME --version 1.0.0 --group grpc --group tracing
  tabento bento $(tabento models resolve NAME@champion --fetch)

The Bento is called tabento-NAME, after the first model, which is the default of the service. `python -m deploy.image --bento TAG`
turns it into an image; `make image` with the variables of `make bento` does both.
"""
PREFIX = "tabento-"
"""The prefix of the model's name in the name of its Bento."""
_VERSION = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")
"""The versions that BentoML accepts."""
_TAG = re.compile(r"^__tag__:(\S+)$", re.MULTILINE)
_EXISTS = re.compile(r"Item '\S+' already exists in the store")
_SHOWN_LINES = 12


def bento(invocation: Invocation, models: tuple[str, ...], bento_version: str | None, groups: tuple[str, ...]) -> None:
    """Build the Bento and print its next steps.

    Raises:
        PreflightError: the store cannot be written.
        BundleError: the store does not have a model, or it does not verify.
        TabentoError: a model is named twice, BentoML could not build the Bento, or this is not a checkout.
    """
    _, progress = invocation.begin(needs_home=True)
    from tabento.bundle.store import load_bundle

    bundles = [load_bundle(model) for model in models]
    names = [bundle.name for bundle in bundles]
    for name in names:
        if names.count(name) > 1:
            raise TabentoError(f"{name} is named twice: a Bento has one version of a model. Name it once.")
    tags = [bundle.tag for bundle in bundles]
    with progress.step(f"Build a Bento of {', '.join(tags)}") as step:
        step.detail = tag = build(tags, {bundle.tag: digest(bundle.path) for bundle in bundles}, bento_version, groups)
    progress.listing(f"Built {tag}", next_steps(tag))


def digest(bundle_path: Path) -> str:
    """Return the SHA-256 of a bundle's manifest, which contains the digests of all its other files."""
    return hashlib.sha256((bundle_path / MANIFEST_FILE).read_bytes()).hexdigest()


def build(
    bundle_tags: Sequence[str], digests: Mapping[str, str], bento_version: str | None = None, groups: Sequence[str] = ()
) -> str:
    """Build the Bento of some bundles and return its tag.

    Args:
        bundle_tags: tags with versions, the default model first.
        digests: the digest of each bundle.
        bento_version: the version of the Bento; None means that BentoML chooses a new one.
        groups: groups of further packages.

    Raises:
        TabentoError: a group is unknown, BentoML could not, or this is not a checkout.
    """
    root = Path(training.__file__).resolve().parents[1]
    if not (root / "bentofile.yaml").is_file():
        raise TabentoError(
            f"a Bento is built in a checkout of Tabento, and {root} has no bentofile.yaml. Give the command there."
        )
    # BentoML looks for uv on PATH; a virtual environment that nobody has activated is not on it.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    command = build_command(bundle_tags, digests, root, bento_version)
    process = subprocess.run(  # noqa: S603 - its own interpreter
        [*command, "--bentofile", str(build_file(root, groups).relative_to(root))],
        cwd=root,
        env={"BENTOML_DO_NOT_TRACK": "True", **os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if _EXISTS.search(process.stderr):
        tag = f"{PREFIX}{bundle_tags[0].partition(':')[0]}:{bento_version}"
        raise TabentoError(
            f"the Bento {tag} exists already. Choose another --version, or delete it: `{program('bentoml')} delete {tag}`."
        )
    built = _TAG.search(process.stdout)
    if process.returncode != 0 or built is None:
        end = "\n".join((process.stderr.strip() or process.stdout.strip()).splitlines()[-_SHOWN_LINES:])
        raise TabentoError(
            f"BentoML could not build a Bento of {', '.join(bundle_tags)} (status {process.returncode}). The end of its"
            f" output:\n{end}\nIf a package is missing, run `{install_command()}`."
        )
    return built[1]


def build_command(
    bundle_tags: Sequence[str], digests: Mapping[str, str], root: Path, bento_version: str | None = None
) -> list[str]:
    """Return the command that builds the Bento of some bundles, from a checkout.

    Args:
        bundle_tags: tags with versions, the default model first.
        digests: the digest of each bundle.
        root: the checkout.
        bento_version: the version of the Bento; None means that BentoML chooses a new one.
    """
    name, _, version = bundle_tags[0].partition(":")
    labels = {
        "model": name,
        "model_version": version,
        "models": ",".join(bundle_tags),
        "bundles": ",".join(f"sha256:{digests[tag]}" for tag in bundle_tags),
    }
    command = [sys.executable, "-m", "bentoml", "build", str(root), "--name", f"{PREFIX}{name}"]
    for label, value in labels.items():
        command += ["--label", f"{label}={value}"]
    command += ["--arg", f"model={bundle_tags[0]}"]
    if len(bundle_tags) > 1:
        command += ["--arg", f"models={','.join(bundle_tags[1:])}"]
    if bento_version is not None:
        command += ["--version", bento_version]
    return [*command, "--output", "tag"]


def next_steps(bento_tag: str) -> list[tuple[str, str]]:
    """Return the uses of a Bento, each with its command."""
    bentoml = program("bentoml")
    return [
        ("serve it here", f"{bentoml} serve {bento_tag}"),
        ("make an image", f"{program('python')} -m deploy.image --bento {bento_tag}"),
        ("as a file", f"{bentoml} export {bento_tag} ."),
        ("look into it", f"{bentoml} get {bento_tag}"),
    ]


def _check_version(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """Return the value of ``--version``, or refuse it before anything is built.

    Raises:
        click.BadParameter: BentoML would refuse the version.
    """
    if value is not None and not _VERSION.fullmatch(value):
        raise click.BadParameter(
            "expected at most 63 small letters, digits, '.', '_' and '-', with a letter or digit at both ends,"
            f" such as 1.0.0, got {value!r}",
            context,
            option,
        )
    return value


command = SectionedCommand(
    "bento",
    callback=click.pass_obj(bento),
    help="Build a Bento that holds one model of the store, or several, and print what can be done with it.",
    epilog=EXAMPLES,
    params=[
        click.Argument(
            ["models"],
            metavar="NAME[:VERSION]...",
            nargs=-1,
            required=True,
            help="models of the store, the default of the service first; NAME alone means the latest",
        ),
        click.Option(
            ["--version", "bento_version"],
            metavar="VERSION",
            callback=_check_version,
            help="the version of the Bento, such as 1.0.0; default: a new one",
        ),
        click.Option(
            ["--group", "groups"],
            multiple=True,
            type=click.Choice(GROUPS),
            help="further packages, for an optional part of the service; repeatable",
        ),
        verbose_option(),
    ],
)
