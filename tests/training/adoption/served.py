"""A real server of an imported bundle: ``service.py``, asked over HTTP."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from bentoml._internal.utils.args import set_arguments

from tests.servers import running

SERVICE = Path(__file__).parents[3] / "service.py"


@contextmanager
def served(tag: str) -> Iterator[httpx.Client]:
    """Serve a bundle of the current store and yield a client."""
    name = "service_of_" + tag.replace(":", "_")
    with pytest.MonkeyPatch.context() as patch:
        # Nothing is to be refused for being slow here, and one process has one doorman.
        patch.setenv("TABENTO_SLO_P99_MS", "60000")
        patch.setenv("TABENTO_DRAIN_S", "0")
        patch.setenv("TABENTO_DOORMAN", "false")
        set_arguments({"model": tag})
        spec = importlib.util.spec_from_file_location(name, SERVICE)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        with running(module.Tabento.to_asgi()) as address, httpx.Client(base_url=address, timeout=60) as client:
            yield client


def as_json(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as a client sends them: what pandas has as missing is null."""
    return [
        {str(name): None if pd.isna(value) else value for name, value in row.items()}
        for row in frame.astype(object).to_dict("records")
    ]
