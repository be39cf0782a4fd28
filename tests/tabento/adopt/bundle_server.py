"""A real server of an imported bundle: ``service.py`` with an HTTP client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pandas as pd

from tests.servers import load_service, running


@contextmanager
def serve(tag: str) -> Iterator[httpx.Client]:
    """Serve a bundle of the current store and yield a client."""
    name = "service_of_" + tag.replace(":", "_")
    module = load_service(tag, name)
    with running(module.Tabento.to_asgi()) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


def as_json(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as a client sends them: missing values are null."""
    return [
        {str(name): None if pd.isna(value) else value for name, value in row.items()}
        for row in frame.astype(object).to_dict("records")
    ]
