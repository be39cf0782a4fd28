"""From predictions to tensors of the Open Inference Protocol.

A regression answers one tensor of ``FP64``; a classification its labels, and, if the contract has them, the probabilities
of all classes and the ranking of the labels; several targets one tensor each. The ends of the prediction intervals or the
members of the prediction sets follow, if the contract has them, and at last the identifiers of the rows as texts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from runners.work import Values
from serving.codec.labels import clip_rounding, unknown_class
from serving.codec.rows import Rows
from serving.errors import Detail, InternalError, InvalidError
from serving.protocols.tensors import BYTES, OutputTensor, TensorMetadata
from tabento.bundle.contract import Contract, Label, label_key
from tabento.bundle.interval import IntervalTable

COVERAGE = "coverage"
"""The parameter of the outputs of prediction intervals and sets, in the metadata and in each answer."""
_decode_identifiers = msgspec.json.Decoder(list[dict[str, str | int | float | None]]).decode


class _Answer:
    """The predictions for the rows of one request.

    Args:
        values: N predictions, from the graph.
        rows: the rows.
    """

    __slots__ = ("interval_ends", "numbers", "rows")

    def __init__(self, values: Values, rows: Rows) -> None:
        self.numbers: NDArray[np.float64] = np.asarray(values, np.float64).reshape(len(values), -1)
        """The predictions, of shape (N, W)."""
        self.rows = rows
        self.interval_ends: list[tuple[float, float]] | None = None
        """The ends of the prediction intervals; None before they are needed."""


ReadColumn = Callable[[_Answer], Sequence[object]]
"""Returns the elements of one output."""


class AnswerTensors:
    """The output tensors of one model.

    Args:
        contract: the contract of the model.
    """

    def __init__(self, contract: Contract) -> None:
        self.metadata: list[TensorMetadata] = []
        """The outputs in the order in which they are answered."""
        self._columns: dict[str, tuple[TensorMetadata, ReadColumn]] = {}
        output = contract.output
        if output.targets is not None:
            for index, target in enumerate(output.targets):
                self._add_target(target.name, index, target.classes)
        else:
            self._add_target(output.name, 0, output.classes)
        if output.classes is not None and output.probabilities:
            classes = {"classes": json.dumps(output.classes, ensure_ascii=False)}
            width = len(output.classes)
            self._add(TensorMetadata("probabilities", "FP64", (-1, width), classes), _Probabilities())
            if output.ranking:
                self._add(TensorMetadata("ranking", _label_type(output.classes), (-1, width)), _Ranking(output.classes))
            if output.prediction_set is not None:
                coverage = _coverage(output.prediction_set.coverage)
                reader = _PredictionSet(output.classes, output.prediction_set.thresholds)
                self._add(TensorMetadata(f"{output.name}_set", "BOOL", (-1, width), classes | coverage), reader)
        if output.interval is not None:
            coverage = _coverage(output.interval.coverage)
            table = IntervalTable(output.interval)
            for place, end in enumerate(("lower", "upper")):
                read_end = _IntervalEnd(table, contract.interval_column, place)
                self._add(TensorMetadata(f"{output.name}_{end}", "FP64", (-1,), coverage), read_end)
        for identifier in contract.identifiers:
            self._add(TensorMetadata(identifier.name, BYTES, (-1,)), _Identifier(identifier.name))

    def _add_target(self, name: str, index: int, classes: Sequence[Label] | None) -> None:
        if classes is None:
            self._add(TensorMetadata(name, "FP64", (-1,)), _Numbers(index))
        else:
            self._add(TensorMetadata(name, _label_type(classes), (-1,)), _Labels(index, classes))

    def _add(self, metadata: TensorMetadata, read_column: ReadColumn) -> None:
        name = metadata.name
        while name in self._columns:  # a target can have the name of another output
            name += "_"
        metadata = TensorMetadata(name, metadata.datatype, metadata.shape, metadata.parameters)
        self.metadata.append(metadata)
        self._columns[name] = metadata, read_column

    def check_names(self, names: Collection[str]) -> None:
        """Check the names of requested outputs.

        Raises:
            InvalidError: the model has no output of one of these names.
        """
        all_names = ", ".join(self._columns)
        details = [
            Detail(None, name[:100], f"no such output; there are {all_names}", "its name among the outputs")
            for name in names
            if name not in self._columns
        ]
        if details:
            raise InvalidError(f"The model has no output {details[0].field!r}; there are {all_names}.", details)

    def tensors(self, values: Values, rows: Rows, names: Collection[str] | None = None) -> list[OutputTensor]:
        """Return the tensors of an answer.

        Args:
            values: one prediction a row, from the graph.
            rows: the rows of the request, whose identifiers are repeated; an interval by a feature reads their numbers.
            names: the names of the requested outputs, checked by ``check_names``; None for all.

        Raises:
            InternalError: the model answered what its contract cannot say, such as NaN or an unknown class.
        """
        answer = _Answer(values, rows)
        tensors = []
        for name in self._columns if names is None else names:
            metadata, read_column = self._columns[name]
            shape = (len(values), *metadata.shape[1:])
            coverage = metadata.parameters.get(COVERAGE)
            parameters = {} if coverage is None else {COVERAGE: coverage}
            tensors.append(OutputTensor(name, metadata.datatype, shape, read_column(answer), parameters))
        return tensors


class _Numbers:
    """One column of predicted numbers."""

    def __init__(self, index: int) -> None:
        self._index = index

    def __call__(self, answer: _Answer) -> Sequence[float]:
        column = answer.numbers[:, self._index]
        if not np.isfinite(column).all():
            raise InternalError(
                "The model answered no finite number for a row; the values may lie far from all training data."
            )
        values: list[float] = column.tolist()
        return values


class _Labels:
    """One column of labels."""

    def __init__(self, index: int, classes: Sequence[Label]) -> None:
        self._index = index
        self._labels = dict(enumerate(_elements(classes)))

    def __call__(self, answer: _Answer) -> Sequence[object]:
        labels = self._labels
        try:
            return [labels[index] for index in answer.numbers[:, self._index].tolist()]
        except KeyError as error:
            raise unknown_class(error.args[0], len(labels)) from None


class _Probabilities:
    """The probabilities of all classes, which follow the index of the label."""

    def __call__(self, answer: _Answer) -> Sequence[float]:
        probabilities = answer.numbers[:, 1:]
        values: list[float] = probabilities.ravel().tolist()
        right = (probabilities >= 0.0) & (probabilities <= 1.0)
        return values if right.all() else clip_rounding(values)


class _Ranking:
    """The labels of each row from the most to the least probable."""

    def __init__(self, classes: Sequence[Label]) -> None:
        self._labels = _elements(classes)
        self._probabilities = _Probabilities()

    def __call__(self, answer: _Answer) -> Sequence[object]:
        probabilities = np.reshape(self._probabilities(answer), (len(answer.numbers), -1))
        # The sort is stable: of equally probable labels, the earlier class is first.
        order = np.argsort(-probabilities, axis=1, kind="stable")
        return [self._labels[index] for index in order.ravel().tolist()]


class _PredictionSet:
    """Whether each label is in the prediction set of a row, as ``tabento.bundle.prediction_set.set_members`` says."""

    def __init__(self, classes: Sequence[Label], thresholds: Sequence[float]) -> None:
        self._labels = _Labels(0, classes)
        self._probabilities = _Probabilities()
        self._thresholds = np.array(thresholds)

    def __call__(self, answer: _Answer) -> Sequence[bool]:
        # Both raise the errors of an answer that is none: a set of it has no meaning.
        self._labels(answer)
        self._probabilities(answer)
        numbers = answer.numbers
        # The set is that of the graph's own probabilities, as in training.
        members = numbers[:, 1:] >= self._thresholds
        members[np.arange(len(numbers)), numbers[:, 0].astype(np.intp)] = True
        values: list[bool] = members.ravel().tolist()
        return values


class _IntervalEnd:
    """The lower or the upper ends of the prediction intervals.

    Args:
        table: the function that training uses.
        column: the index of the feature that determines the group of a row; None if the table has one group.
        place: 0 for the lower end, 1 for the upper one.
    """

    def __init__(self, table: IntervalTable, column: int | None, place: int) -> None:
        self._table = table
        self._column = column
        self._place = place
        self._predictions = _Numbers(0)

    def __call__(self, answer: _Answer) -> Sequence[float]:
        if answer.interval_ends is None:
            predictions = self._predictions(answer)
            by = None
            if self._column is not None:
                by = np.frombuffer(answer.rows.data).reshape(len(predictions), -1)[:, self._column].tolist()
            answer.interval_ends = self._table.all_ends(predictions, by)
        place = self._place
        return [ends[place] for ends in answer.interval_ends]


class _Identifier:
    """The identifiers of one name: an integer as its digits, a missing one as an empty text."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, answer: _Answer) -> Sequence[object]:
        texts = []
        for identifiers in _decode_identifiers(answer.rows.identifiers):
            value = identifiers[self._name]
            texts.append("" if value is None else value if isinstance(value, str) else str(int(value)))
        return texts


def _coverage(coverage: float) -> dict[str, str]:
    """Return the parameter that says how often an interval or a set has the truth."""
    return {COVERAGE: json.dumps(coverage)}


def _label_type(classes: Sequence[Label]) -> str:
    """Return the datatype that all labels have."""
    types = set(map(type, classes))
    if types == {bool}:
        return "BOOL"
    if types == {int}:
        return "INT64"
    return "FP64" if types <= {int, float} else BYTES


def _elements(classes: Sequence[Label]) -> list[Label]:
    """Return the labels as elements of their datatype; labels of several types as texts."""
    datatype = _label_type(classes)
    if datatype == BYTES:
        return [label_key(label) for label in classes]
    return [float(label) for label in classes] if datatype == "FP64" else list(classes)
