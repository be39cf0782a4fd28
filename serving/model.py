"""One bundle made ready to answer: verified, loaded, warmed up."""

from __future__ import annotations

import json
from typing import Any

from monitoring.privacy import Privacy
from runners.clock import Loop, Offload
from runners.errors import RunnerError
from runners.loop_budget import LoopBudget
from runners.runner import Runner, RunnerOptions, warm_up
from runners.session import OnnxSession
from runners.work import Values
from serving.codec.encode import Encoder, NumberEncoder, with_additions
from serving.codec.identify import decoder_of
from serving.codec.input_policies import policies_for
from serving.codec.intervals import IntervalEncoder
from serving.codec.labels import LabelEncoder
from serving.codec.rows import Rows
from serving.codec.shown_values import ShownValues
from serving.codec.slices import Steps, run_steps
from serving.codec.targets import TargetsEncoder
from serving.errors import Detail, InternalError, InvalidError
from serving.protocols.answer_tensors import AnswerTensors
from serving.protocols.tables import TableDecoder
from serving.protocols.tensor_rows import TensorDecoder
from serving.routes.description import describe_bundle
from serving.settings import ServingSettings
from tabento.bundle.contract import RESERVED_NAME, answer_width
from tabento.bundle.store import Bundle
from tabento.bundle.texts import NUMBERS_LIMIT, Texts, rows_limit


def _encoder(bundle: Bundle) -> Encoder:
    """Return the encoder for the output of a bundle's model."""
    output = bundle.contract.output
    if output.targets is not None:
        return TargetsEncoder(bundle.name, bundle.version, output.targets)
    if output.interval is not None:
        return IntervalEncoder(bundle.name, bundle.version, output.interval, bundle.contract.interval_column)
    if output.classes is None:
        return NumberEncoder(bundle.name, bundle.version)
    thresholds = None if output.prediction_set is None else output.prediction_set.thresholds
    return LabelEncoder(bundle.name, bundle.version, output.classes, output.probabilities, output.ranking, thresholds)


QUEUED_REQUESTS = 8
"""The number of large requests with texts whose rows may wait: 256 MB of numbers."""


class ServedModel:
    """A bundle with its decoder, session and encoder.

    Args:
        bundle: a verified bundle.
        settings: the serving settings.
        quick: whether it is one of many models, and a request waits for it: its warm-up is shorter, and it keeps less memory,
            see ``runners.runner.warm_up`` and ``tabento.bundle.session.open_session``.

    Raises:
        RunnerError: the graph cannot be loaded, or fails on the bundle's own examples, or its answers
            contradict the contract.
        ServingError: an example of the bundle does not fit its contract.
        SettingsError: ``input_policies`` does not fit the contract.
    """

    def __init__(self, bundle: Bundle, settings: ServingSettings, *, quick: bool = False) -> None:
        self.bundle = bundle
        self.encoder = _encoder(bundle)
        contract = bundle.contract
        self.answer_width = answer_width(contract)
        """The number of numbers of the graph's answer to a row; None if it is one float."""
        self._session = OnnxSession(
            bundle.model_path, len(contract.features), settings.onnx_threads, self.answer_width, arena=not quick
        )
        self.row_bytes = self._session.row_bytes
        """The length of a packed row."""
        texts = self._checked_texts()
        self.max_rows = settings.max_rows if texts is None else rows_limit(settings.max_rows, texts, contract.features)
        """The largest number of rows of a request."""
        self.policies = policies_for(contract, settings)
        ignore_unknown = settings.unknown_fields == "ignore"
        self.decoder = decoder_of(contract, self.max_rows, ignore_unknown, texts, self.policies)
        self.privacy = Privacy(contract, settings)
        """The treatment of private fields."""
        self.decoder.careful.fields.message_values = ShownValues(contract, self.privacy, settings.private_fields)
        self.tensors = TensorDecoder(self.policies.contract, self.decoder.careful)
        self.tables = TableDecoder(self.policies.contract, self.tensors.columns, self.max_rows, ignore_unknown)
        self.answer_tensors = AnswerTensors(contract)
        self.tensor_row_bytes = sum(len(json.dumps(value)) + 2 for value in bundle.examples[0].values())
        """The bytes of an example's values in JSON, without the names of its fields."""
        self.options = RunnerOptions(
            slo_s=(settings.slo_p99_ms or bundle.contract.p99_ms) / 1000,
            max_queue_rows=self._queue_limit(settings.max_queue_rows),
            max_batch_rows=self._queue_limit(settings.max_batch_rows),
            slice_rows=settings.slice_rows,
            inline_s=settings.inline_ms / 1000,
        )
        # The examples fit the contract, but perhaps not the policies.
        decoder = decoder_of(contract, 1, texts=texts) if settings.input_policies else self.decoder
        rows = [decoder.decode(json.dumps(example).encode()) for example in bundle.examples]
        data = b"".join(row.data for row in rows)
        self.example_row = rows[0].data
        """The first example of the bundle, packed."""
        self.example_answer = self._try_out(data, len(rows))[0]
        """The model's answer to it."""
        self._costs = warm_up(self._session, data, self.options, quick=quick)

    def _queue_limit(self, limit: int) -> int:
        """Return the largest number of waiting rows, lower if the numbers of their texts would take too much memory."""
        if self._session.texts is None:
            return limit
        return min(limit, QUEUED_REQUESTS * NUMBERS_LIMIT // self._session.features)

    def _checked_texts(self) -> Texts | None:
        """Return the rules by which texts become numbers, checked against the contract.

        Raises:
            RunnerError: the graph splits a feature that is not a text.
        """
        texts, features = self._session.texts, self.bundle.contract.features
        for block in texts.blocks if texts else ():
            if features[block.column].type != "text":
                raise RunnerError(
                    f"the graph of {self.bundle.tag} splits {features[block.column].name!r}, which the contract says is"
                    f" of the type {features[block.column].type}. Make the model again."
                )
        return texts

    def _try_out(self, data: bytes, count: int) -> Values:
        """Run and encode rows as for requests, before the service is ready; return the model's answers."""
        values = self._session.run_bytes(data, count)
        try:
            self.encoder.encode(values, False, b"examples", data)
        except InternalError as error:
            raise RunnerError(
                f"the bundle {self.bundle.tag} cannot answer its own examples: {error} Train the model again."
            ) from error
        return values

    @property
    def session(self) -> OnnxSession:
        """The graph, for rows that no request waits for: those of a challenger in the shadow."""
        return self._session

    @property
    def row_values(self) -> int:
        """The number of float64 values of a packed row."""
        return self._session.features

    def free(self) -> None:
        """Give back the memory of the graph: no row can be run any more."""
        self._session.close()
        self.decoder.close()

    def start(self, loop: Loop, offload: Offload, budget: LoopBudget | None = None) -> Runner:
        """Return a runner of this model on an event loop, whose budget other models may share."""
        return Runner(self._session, loop, offload, self.options, self._costs, shared=budget)

    def decode(self, body: bytes, batch_only: bool) -> Rows:
        """Return the rows of a request's body.

        Raises:
            ServingError: see ``Decoder.decode``; also for a single object if only a list of rows is accepted.
        """
        return run_steps(self.decode_steps(body, batch_only))

    def decode_steps(self, body: bytes, batch_only: bool) -> Steps[Rows]:
        """Decode a request's body, and yield between slices of work; see ``decode``."""
        rows = yield from self.decoder.decode_steps(body)
        if batch_only and rows.single:
            raise InvalidError(
                "This path takes many rows; send a single object to /predict.",
                [Detail(None, RESERVED_NAME, "a list of objects", "nothing: the field is missing")],
            )
        return rows

    def predict(self, body: bytes, *, batch_only: bool = False) -> dict[str, Any]:
        """Return the answer of ``POST /predict`` for callers within the process; the rows are run immediately, without a queue.

        Raises:
            ServingError: see ``serving.errors``.
        """
        return self.answer(self.decode(body, batch_only))

    def answer(self, rows: Rows) -> dict[str, Any]:
        """Return the answer of ``POST /predict`` to decoded rows; they are run immediately, without a queue.

        Raises:
            InternalError: the model fails on these rows.
        """
        try:
            values = self._session.run_bytes(rows.data, rows.count)
        except RunnerError as error:
            raise InternalError(f"The model failed on these rows: {error}") from error
        content = self.encoder.encode(values, rows.single, b"in-process", rows.data)
        answer: dict[str, Any] = json.loads(with_additions(content, rows))
        return answer

    def description(self) -> dict[str, Any]:
        """Return the answer of ``GET /model``."""
        return describe_bundle(self.bundle, self.options.slo_s * 1000, self.policies.policies)
