"""A base image from Debian's packages, for machines that reach no image registry.

``debootstrap`` makes the smallest Debian with Python, this machine's certificate authorities and uv go in, and the
engine imports it. The sources of packages are read from pip's settings when the image is built and mounted for that
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

from deploy.command import run_command, watch
from deploy.engine import Engine
from deploy.errors import ImageError

RELEASE = "bookworm"
"""The Debian release whose Python is the 3.11 that the packages are locked for."""
PACKAGES = ("python3", "ca-certificates", "binutils")
"""The packages of the build stage: Python, the authorities, and ``strip``."""
IMAGE = f"localhost/tabento-build:{RELEASE}"

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CONTAINER = "tabento-build-{}"
"""The working container, by this process's id."""
_CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
_CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE")
_TRACES = ("etc/resolv.conf", "etc/hostname", "var/log/bootstrap.log")
"""Files of the host that debootstrap copies; an engine gives each container its own."""
_PIP_SECTIONS = (":env:", "install", "global")
"""The sections of pip's settings, in the order of priority."""


def find_certificates(environment: Mapping[str, str]) -> Path | None:
    """Return the file with the certificate authorities that this machine trusts, if there is one."""
    named = [environment[name] for name in _CERTIFICATE_VARIABLES if environment.get(name)]
    standard = [ssl.get_default_verify_paths().cafile, f"/{_CERTIFICATES}"]
    return next((Path(name) for name in [*named, *standard] if name and Path(name).is_file()), None)


def find_uv() -> Path:
    """Return the uv on PATH, else the uv that ``make`` installed in the environment.

    Raises:
        ImageError: there is neither.
    """
    program = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.prefix, "uv", "bin")))
    if program is None:
        raise ImageError("the base image needs uv, and this machine has none on PATH. Run `make setup` first.")
    return Path(program)


def pip_settings() -> str:
    """Return the output of ``pip config list``, or an empty text if pip is not installed."""
    uv_folder = Path(sys.prefix, "uv", "bin")
    pip = shutil.which("pip", path=str(uv_folder)) or shutil.which("pip") or shutil.which("pip3")
    return run_command([pip, "config", "list"]) if pip else ""


def uv_settings(listing: str) -> tuple[str, list[str]]:
    """Translate pip's settings into uv's.

    Args:
        listing: lines ``section.key='value'``, as ``pip config list`` writes them.

    Returns:
        The text of a ``uv.toml``, and the skipped addresses: a build cannot see folders and ``file:`` addresses of this
        machine.
    """
    values: dict[str, list[str]] = {}
    for section in reversed(_PIP_SECTIONS):
        for line in listing.splitlines():
            name, equals_sign, value = line.partition("=")
            if equals_sign and name.startswith(f"{section}."):
                values[name.removeprefix(f"{section}.")] = str(ast.literal_eval(value)).split()
    default, extra, links = (values.get(key, []) for key in ("index-url", "extra-index-url", "find-links"))
    skipped_indexes = [
        address for address in (*default, *extra, *links) if not address.startswith(("https://", "http://"))
    ]
    extra, links, default = (
        [address for address in addresses if address not in skipped_indexes] for addresses in (extra, links, default)
    )
    lines = ["system-certs = true"]
    if hosts := values.get("trusted-host"):
        lines.append(f"allow-insecure-host = {json.dumps(hosts)}")
    if links:
        lines.append(f"find-links = {json.dumps(links)}")
    if extra:
        # pip looks for the best version in all indexes; the lock's hashes keep that safe.
        lines.append('index-strategy = "unsafe-best-match"')
    lines += [f"[[index]]\nurl = {json.dumps(address)}" for address in extra]
    lines += [f"[[index]]\nurl = {json.dumps(address)}\ndefault = true" for address in default[:1]]
    return "\n".join(lines) + "\n", skipped_indexes


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
        mirror: the mirror of Debian's packages; None means debootstrap's own default.
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
    with tempfile.TemporaryDirectory(prefix="tabento-build-") as folder:
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
                    run_command(["buildah", "rm", _CONTAINER.format(os.getpid())])
            raise
    return IMAGE
