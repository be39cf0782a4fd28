"""A base image from Debian's packages, for machines that reach no image registry.

``debootstrap`` makes the smallest Debian with Python, this machine's certificate authorities and uv go in, and the
engine imports it. Where packages come from is read from pip's settings when the image is built and mounted for that
time only: an index's address may hold a password, and no layer of the image ever sees it.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import ssl
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from deploy.command import ask, watch
from deploy.engine import Engine
from deploy.errors import ImageError

RELEASE = "bookworm"
"""The Debian release whose Python is the 3.11 that the packages are locked for."""
PACKAGES = ("python3", "ca-certificates")
IMAGE = f"localhost/tabento-base:{RELEASE}"

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CONTAINER = "tabento-base-{}"
"""The working container, by this process's id."""
_CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
_CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE")
_TRACES = ("etc/resolv.conf", "etc/hostname", "var/log/bootstrap.log")
"""What debootstrap leaves of the machine that it ran on; an engine gives each container its own."""
_PIP_SECTIONS = (":env:", "install", "global")
"""Where pip keeps a setting, the strongest first."""


def find_certificates(environment: Mapping[str, str]) -> Path | None:
    """Return the file with the certificate authorities that this machine trusts, if there is one."""
    named = [environment[name] for name in _CERTIFICATE_VARIABLES if environment.get(name)]
    standard = [ssl.get_default_verify_paths().cafile, f"/{_CERTIFICATES}"]
    return next((Path(name) for name in [*named, *standard] if name and Path(name).is_file()), None)


def find_uv() -> Path:
    """Return the uv on PATH, else the one that ``make`` keeps beside the interpreter's packages.

    Raises:
        ImageError: there is neither.
    """
    found = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.prefix, "uv", "bin")))
    if found is None:
        raise ImageError("the base image needs uv, and this machine has none on PATH. Run `make setup` first.")
    return Path(found)


def pip_settings() -> str:
    """Return what ``pip config list`` says, or nothing where there is no pip."""
    own = Path(sys.prefix, "uv", "bin")
    pip = shutil.which("pip", path=str(own)) or shutil.which("pip") or shutil.which("pip3")
    return ask([pip, "config", "list"]) if pip else ""


def uv_settings(listing: str) -> tuple[str, list[str]]:
    """Translate pip's settings into uv's.

    Args:
        listing: lines ``section.key='value'``, as ``pip config list`` writes them.

    Returns:
        The text of a ``uv.toml``, and the places that were left out because a build cannot see them: folders and
        ``file:`` addresses of this machine.
    """
    values: dict[str, list[str]] = {}
    for section in reversed(_PIP_SECTIONS):
        for line in listing.splitlines():
            name, found, value = line.partition("=")
            if found and name.startswith(f"{section}."):
                values[name.removeprefix(f"{section}.")] = str(ast.literal_eval(value)).split()
    default, extra, links = (values.get(key, []) for key in ("index-url", "extra-index-url", "find-links"))
    left_out = [place for place in (*default, *extra, *links) if not place.startswith(("https://", "http://"))]
    extra, links, default = ([place for place in kind if place not in left_out] for kind in (extra, links, default))
    lines = ["system-certs = true"]
    if hosts := values.get("trusted-host"):
        lines.append(f"allow-insecure-host = {json.dumps(hosts)}")
    if links:
        lines.append(f"find-links = {json.dumps(links)}")
    if extra:
        # pip looks for the best version in all indexes; the lock's hashes keep that safe.
        lines.append('index-strategy = "unsafe-best-match"')
    lines += [f"[[index]]\nurl = {json.dumps(place)}" for place in extra]
    lines += [f"[[index]]\nurl = {json.dumps(place)}\ndefault = true" for place in default[:1]]
    return "\n".join(lines) + "\n", left_out


def import_steps(engine: str, archive: Path, image: str) -> list[list[str]]:
    """Return the commands that make an image of an archive of a root folder."""
    if engine == "podman":
        return [["podman", "import", "--quiet", "--change", f"ENV {_PATH}", str(archive), image]]
    container = _CONTAINER.format(os.getpid())
    return [
        ["buildah", "from", "--name", container, "scratch"],
        ["buildah", "add", "--quiet", container, str(archive), "/"],
        ["buildah", "config", "--env", _PATH, container],
        ["buildah", "commit", "--quiet", "--rm", container, image],
    ]


def make_base(engine: Engine, mirror: str | None, environment: Mapping[str, str]) -> str:
    """Make the base image and return its name.

    Args:
        engine: podman or buildah.
        mirror: where Debian's packages come from; nothing means debootstrap's own default.
        environment: this process's variables; they may name the certificate authorities.

    Raises:
        ImageError: it is not run as root, debootstrap or uv is missing, or a step failed.
    """
    if os.geteuid() != 0:
        raise ImageError(f"debootstrap needs root, and this is user {os.geteuid()}. Run it with sudo.")
    debootstrap = shutil.which("debootstrap", path=f"{environment.get('PATH', '')}:/usr/sbin:/sbin")
    if debootstrap is None:
        raise ImageError("--base debootstrap needs debootstrap, which is not installed: `apt-get install debootstrap`.")
    uv = find_uv()
    with tempfile.TemporaryDirectory(prefix="tabento-base-") as folder:
        root, archive = Path(folder, "root"), Path(folder, "root.tar")
        watch(
            [
                *(debootstrap, "--variant=minbase", f"--include={','.join(PACKAGES)}", RELEASE, str(root)),
                *([mirror] if mirror else []),
            ],
            {"DEBIAN_FRONTEND": "noninteractive"},
            "Is Debian's mirror reachable? Another one: --mirror URL.",
        )
        for cache in ("var/cache/apt", "var/lib/apt/lists"):
            shutil.rmtree(root / cache, ignore_errors=True)
            (root / cache).mkdir(parents=True)
        for trace in _TRACES:
            (root / trace).unlink(missing_ok=True)
        (root / "usr/local/bin").mkdir(parents=True, exist_ok=True)
        shutil.copy(uv, root / "usr/local/bin/uv")
        if certificates := find_certificates(environment):
            (root / _CERTIFICATES).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(certificates, root / _CERTIFICATES)
        watch(["tar", "--numeric-owner", "-C", str(root), "-cf", str(archive), "."], {}, "Is the disk full?")
        try:
            for step in import_steps(engine.name, archive, IMAGE):
                watch(step, {}, "Is the disk full?")
        except ImageError:
            if engine.name == "buildah":
                with suppress(ImageError):
                    ask(["buildah", "rm", _CONTAINER.format(os.getpid())])
            raise
    return IMAGE
