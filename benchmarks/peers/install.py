"""Make the peers' environments: ``python -m benchmarks.peers.install [NAME ...]``, from locked requirements, with uv."""

from __future__ import annotations

import argparse
import subprocess
import sys

from benchmarks.peers.registry import ENVIRONMENTS, PEERS
from benchmarks.process import ROOT, BenchmarkError, run

UV = ROOT / ".venv" / "uv" / "bin" / "uv"


def install(environment: str) -> None:
    """Make an environment with this interpreter's Python; an existing environment is updated to its requirements.

    Raises:
        BenchmarkError: no peer has such an environment, or uv fails.
    """
    peers = [peer for peer in PEERS.values() if environment in (peer.environment, peer.name)]
    if not peers:
        environments = sorted({peer.environment for peer in PEERS.values()})
        raise BenchmarkError(f"there is no environment {environment}; there are {', '.join(environments)}")
    peer = peers[0]
    folder = ENVIRONMENTS / peer.environment
    uv = str(UV) if UV.exists() else "uv"
    base = getattr(sys, "_base_executable", sys.executable)
    run(uv, "venv", "--quiet", "--allow-existing", "--python", base, str(folder))
    # Overrides of pyproject.toml belong to this project's own locks.
    options = ("--quiet", "--no-config", "--require-hashes")
    run(uv, "pip", "sync", *options, "--python", str(peer.python), str(peer.requirements))


def installed_version(name: str) -> str:
    """Return the version of a peer's main package in its environment.

    Raises:
        BenchmarkError: the environment is not installed.
    """
    peer = PEERS[name]
    peer.require()
    code = f"import importlib.metadata; print(importlib.metadata.version({peer.package!r}))"
    process = subprocess.run([str(peer.python), "-c", code], capture_output=True, text=True, check=True)
    return process.stdout.strip()


def main() -> int:
    """Install the named environments, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.install", description=__doc__)
    parser.add_argument("names", nargs="*", help="environments or peers (default: all)")
    names = parser.parse_args().names or sorted({peer.environment for peer in PEERS.values()})
    try:
        for name in names:
            install(name)
            sys.stderr.write(f"{name}: installed\n")
    except BenchmarkError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
