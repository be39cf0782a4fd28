"""The command line that all peers share."""

from __future__ import annotations

import argparse
from pathlib import Path

HOST = "127.0.0.1"


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser for ``--model``, ``--contract`` and ``--port``.

    Args:
        description: the docstring of the peer's module.
    """
    shared_parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    shared_parser.add_argument("--model", type=Path, required=True, help="model.onnx of a bundle")
    shared_parser.add_argument("--contract", type=Path, required=True, help="contract.json of the bundle")
    shared_parser.add_argument("--port", type=int, required=True, help="where to listen, on the loopback interface")
    return shared_parser
