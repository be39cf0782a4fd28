"""One bundle made ready to answer: verified, loaded, warmed up."""

from __future__ import annotations

import json
import logging
from typing import Any

from bundle.contract import RESERVED_NAME
from bundle.store import Bundle
from runners.errors import RunnerError
from runners.runner import DirectRunner, Runner
from runners.session import OnnxSession
from serving.decode import Decoder
from serving.encode import Encoder
from serving.errors import Detail, InternalError, InvalidError
from serving.settings import ServingSettings

logger = logging.getLogger("tabento.serving")


class ServedModel:
    """A bundle with its decoder, runner and encoder.

    Args:
        bundle: a verified bundle.
        settings: the serving settings.

    Raises:
        RunnerError: the graph cannot be loaded or fails on the bundle's own examples.
        ServingError: an example of the bundle does not fit its contract.
    """

    def __init__(self, bundle: Bundle, settings: ServingSettings) -> None:
        self.bundle = bundle
        self.decoder = Decoder(bundle.contract, settings.max_rows)
        self.encoder = Encoder(bundle.name, bundle.version)
        self.runner: Runner = DirectRunner(
            OnnxSession(bundle.model_path, len(bundle.contract.features), settings.onnx_threads)
        )
        rows = [self.decoder.decode(json.dumps(example).encode()) for example in bundle.examples]
        self.runner.warm_up(b"".join(row.data for row in rows), len(rows))

    async def predict(self, body: bytes, *, batch_only: bool = False) -> dict[str, Any]:
        """Return what ``POST /predict`` answers, for callers within the process.

        Raises:
            ServingError: see ``serving.errors``.
        """
        answer: dict[str, Any] = json.loads(await self.answer(body, b"in-process", batch_only=batch_only))
        return answer

    async def answer(self, body: bytes, request_id: bytes, *, batch_only: bool = False) -> bytes:
        """Return the encoded answer to an encoded request: the whole way of ``POST /predict`` behind HTTP.

        Raises:
            ServingError: see ``serving.errors``.
        """
        rows = self.decoder.decode(body)
        if batch_only and rows.single:
            raise InvalidError(
                "This path takes many rows; send a single object to /predict.",
                [Detail(None, RESERVED_NAME, "a list of objects", "nothing: the field is missing")],
            )
        try:
            values = await self.runner.predict(rows.data, rows.count)
        except RunnerError as error:
            logger.exception("request %s: inference failed", request_id.decode())
            raise InternalError("The model failed on these rows; the service's log has the reason.") from error
        return self.encoder.encode(values, rows.single, request_id)

    def description(self) -> dict[str, Any]:
        """Return what ``GET /model`` answers."""
        bundle = self.bundle
        return {
            "name": bundle.name,
            "version": bundle.version,
            "title": bundle.contract.title,
            "description": bundle.contract.description,
            "task": bundle.contract.task,
            "synthetic_data": bundle.manifest.provenance.data == "synthetic",
            "provenance": bundle.manifest.provenance.model_dump(),
            "metrics": bundle.metrics,
            "parity": bundle.parity,
            "contract": bundle.contract.model_dump(),
            "examples": list(bundle.examples[:3]),
            "card": bundle.card,
        }
