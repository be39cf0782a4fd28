"""The tests of this folder need the packages of gRPC."""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("grpc") is None or find_spec("tritonclient") is None:
    collect_ignore_glob = ["test_*.py"]
