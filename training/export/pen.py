"""The pen: what converters write with. Adds nodes and constants to one graph, and knows where in the pipeline it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from bundle.contract import Contract
from training.export.errors import ExportError
from training.export.graph import Ensemble, Graph, Monotone, Turns
from training.export.trees import Trees
from training.export.values import Columns, Scores

DOUBLE, INT64, BOOL = TensorProto.DOUBLE, TensorProto.INT64, TensorProto.BOOL


class Pen:
    """Writes one graph.

    Args:
        graph: what is written.
        contract: what rows keep to; a converter may rely on it.
    """

    def __init__(self, graph: Graph, contract: Contract) -> None:
        self.graph = graph
        self.contract = contract
        self._path: list[str] = []

    @property
    def step(self) -> str:
        """The step that is being written, as a path of names: ``features/numbers/scale``."""
        return "/".join(self._path) or "pipeline"

    @contextmanager
    def at(self, name: str) -> Iterator[None]:
        """Write a step inside the current one."""
        self._path.append(name)
        try:
            yield
        finally:
            self._path.pop()

    def refusal(self, reason: str, nearest: str) -> ExportError:
        """Return the error that refuses the current step: ``raise pen.refusal(...)``.

        Args:
            reason: why it has no exact conversion.
            nearest: what can be converted instead.
        """
        return ExportError(self.step, reason, nearest)

    def constant(self, array: Any, hint: str = "constant") -> str:
        """Keep an array as a constant: float64, int64 or bool, whatever its dtype says; other numbers become float64."""
        values = np.asarray(array)
        if values.dtype not in (np.float64, np.int64, np.bool_):
            values = values.astype(np.float64)
        return self.graph.constant(values, hint)

    def node(self, operator: str, inputs: Sequence[str], hint: str = "", **attributes: Any) -> str:
        """Add a node with one output and return the output's name; ``attributes`` may say ``domain``."""
        output = self.graph.add(operator, inputs, hint or operator.lower(), **attributes)
        self.graph.writers[output] = self.step
        return output

    def ensemble(self, value: str, trees: Trees, hint: str) -> str:
        """Add trees that stand for no estimator; the output has shape (N, targets)."""
        output = self.graph.add_trees(value, trees, hint)
        self.graph.writers[output] = self.step
        return output

    def nodes(self, operator: str, inputs: Sequence[str], outputs: int, **attributes: Any) -> list[str]:
        """Add a node with several outputs, such as TopK, and return their names."""
        names = [self.graph.fresh(f"{operator.lower()}_{number}") for number in range(outputs)]
        self.graph.nodes.append(helper.make_node(operator, list(inputs), names, **attributes))
        self.graph.writers.update(dict.fromkeys(names, self.step))
        return names

    def cast(self, value: str, kind: int = DOUBLE) -> str:
        """Cast a value: ``DOUBLE``, ``INT64`` or ``BOOL``."""
        return self.node("Cast", [value], to=kind)

    def numbers(self, value: str, width: int) -> Columns:
        """Return a value of shape (N, width) as the columns of numbers that ``write_graph`` of a transformer gives."""
        return Columns(value, (None,) * width)

    def scores(self, label: str, probabilities: str | None = None, decision: str | None = None) -> Scores:
        """Return values as what ``write_graph`` of a classifier gives; see ``training.export.values.Scores``."""
        return Scores(label, probabilities, decision)

    def pick(self, columns: Columns, positions: Sequence[int]) -> Columns:
        """Choose columns by position."""
        chosen = [int(position) for position in positions]
        name, stored = columns.name, columns.stored
        if chosen != list(range(columns.width)):
            places = self.constant(np.array(chosen, dtype=np.int64), "columns")
            name = self.node("Gather", [name, places], axis=1)
            if stored is not None:
                stored = name if stored == columns.name else self.node("Gather", [stored, places], "stored", axis=1)
        return dataclasses.replace(
            columns,
            name=name,
            stored=stored,
            codes=tuple(columns.codes[at] for at in chosen),
            names=None if columns.names is None else tuple(columns.names[at] for at in chosen),
        )

    def join(self, parts: Sequence[Columns]) -> Columns:
        """Put columns side by side; if one part is a sparse matrix, scikit-learn makes one of all."""
        given = [part for part in parts if part.width]
        if len(given) == 1:
            return given[0]
        codes = tuple(code for part in given for code in part.codes)
        names = [part.names for part in given]
        known = None if None in names else tuple(name for some in names if some is not None for name in some)
        joined = self.node("Concat", [part.name for part in given], "joined", axis=1)
        sparse, single = any(part.sparse for part in given), all(part.single for part in given)
        stored = self._joined_entries(given, joined) if sparse else None
        return Columns(joined, codes, known, sparse=sparse, stored=stored, single=single)

    def _joined_entries(self, parts: Sequence[Columns], joined: str) -> str | None:
        """Return ``Columns.stored`` of joined parts. SciPy drops the zeros of a dense part when it makes it sparse."""
        entries = [part.stored if part.sparse else part.name for part in parts]
        if entries == [part.name for part in parts]:
            return joined
        known = [entry for entry in entries if entry is not None]
        return self.node("Concat", known, "stored", axis=1) if len(known) == len(entries) else None

    def side_by_side(self, values: Sequence[str]) -> str:
        """Put values of shape (N, any) side by side."""
        return values[0] if len(values) == 1 else self.node("Concat", values, "joined", axis=1)

    def require_numbers(self, columns: Columns) -> None:
        """Refuse where the current step would see strings.

        Raises:
            ExportError: a column holds categories.
        """
        if not columns.numeric:
            names = columns.names or tuple(str(at) for at in range(columns.width))
            strings = [name for name, code in zip(names, columns.codes, strict=True) if code is not None]
            raise self.refusal(
                f"it would see the strings of {strings}",
                "OneHotEncoder, OrdinalEncoder or TargetEncoder in front of each category",
            )

    def require_settled(self, columns: Columns, what: str, remedy: str) -> None:
        """Refuse where a step that jumps would see numbers whose last bits scikit-learn itself leaves to the machine.

        Args:
            columns: what the step sees.
            what: what it would do with such a number, as the beginning of a sentence.
            remedy: the nearest pipeline that can be exported.

        Raises:
            ExportError: there is such a number.
        """
        value = self.unsettled_in(columns.name)
        if value is not None:
            raise self.refusal(f"{what} {self.graph.unsettled[value]}", self.graph.remedies.get(value, remedy))

    def unsettled_in(self, value: str) -> str | None:
        """Return the unsettled value that a value is made of, the one written last of several; None if there is none."""
        if not self.graph.unsettled:
            return None
        made_of = self.graph.made_of(value)
        return next((name for name in reversed(self.graph.unsettled) if name in made_of), None)

    def unsettle(self, value: str, why: str, remedy: str) -> None:
        """Say that scikit-learn leaves the last bits of a value to the machine, see ``require_settled``.

        Args:
            value: its name.
            why: what it is and what its last bits hang on.
            remedy: the nearest that has its last bits, for a step that jumps.
        """
        self.graph.unsettled.pop(value, None)
        self.graph.unsettled[value] = why
        self.graph.remedies[value] = remedy

    def inexact(self, value: str, what: str, remedy: str, columns: Sequence[bool] | None = None) -> None:
        """Say that the last bits of a value hang on the order in which a machine adds, see ``training.export.sums``.

        Args:
            value: its name.
            what: what it is; with its columns it is told apart from others.
            remedy: the nearest that can be exported if trees split on it.
            columns: which of its columns; all of them if nothing is said.
        """
        self.graph.inexact[value] = what if columns is None else tuple(what if known else None for known in columns)
        self.graph.remedies[what] = remedy

    def dtypes(self, columns: Columns) -> tuple[np.dtype[Any], ...]:
        """Return the type in which scikit-learn keeps each column here: an array has one type for all, a frame has not."""
        found = column_dtypes(self.graph, columns.name, columns.width)
        return found if columns.names is not None or not found else (np.result_type(*found),) * len(found)

    def keep_dtypes(self, value: str, dtypes: Sequence[np.dtype[Any]]) -> None:
        """Say in which types scikit-learn keeps the columns of a value; float64 need not be said."""
        if any(dtype != np.float64 for dtype in dtypes):
            self.graph.dtypes[value] = tuple(dtypes)

    def monotone(
        self,
        value: str,
        source: str,
        functions: Sequence[Callable[[NDArray[np.float64]], NDArray[np.float64]]],
        *,
        increasing: bool = True,
        domain: tuple[float, float] = (-np.inf, np.inf),
        certain: bool = False,
        turns: Turns | None = None,
    ) -> None:
        """Say that column i of ``value`` is ``functions[i]`` of column i of ``source``, so that trees may look through it.

        Args:
            value: shape (N, width).
            source: shape (N, width).
            functions: one per column; takes and gives float64 of shape (n,), bit for bit what scikit-learn computes, and
                leaves NaN missing. All of them rise (or fall) weakly.
            increasing: False where they fall.
            domain: where they are defined; trees look through them only where the contract keeps rows inside.
            certain: True where weak monotony follows from IEEE 754 (sums, products and quotients with a constant);
                otherwise it is checked around every threshold.
            turns: where the functions turn outside of the domain, if trees are to look through them there too.
        """
        self.graph.monotone[value] = Monotone(source, tuple(functions), increasing, domain, certain, turns)

    def trees(self, columns: Columns, trees: Trees, estimator: Any) -> str:
        """Add an ensemble of trees and return its output, shape (N, targets).

        Args:
            columns: what the trees see.
            trees: thresholds, leaves and targets.
            estimator: the fitted estimator they were read from: parity compares branches with it.

        Raises:
            ExportError: they would see strings, or numbers whose last bits scikit-learn itself leaves to the machine.
        """
        self.require_numbers(columns)
        self.require_settled(
            columns,
            "its trees would split on",
            "SimpleImputer in front of the trees, or trees that take missing values themselves",
        )
        output = self.ensemble(columns.name, trees, "trees")
        self.graph.ensembles.append(Ensemble(output, self.step, estimator))
        return output


def column_dtypes(graph: Graph, value: str, width: int) -> tuple[np.dtype[Any], ...]:
    """Return the type in which scikit-learn keeps each column of a value, through choosing and joining."""
    if value in graph.dtypes:
        return graph.dtypes[value]
    node = graph.producer(value)
    if node is not None and node.op_type == "Gather" and node.input[1] in graph.constants:
        inner = column_dtypes(graph, node.input[0], graph.width(node.input[0]) or 0)
        chosen = graph.constants[node.input[1]].ravel()
        if inner and chosen.max(initial=-1) < len(inner):
            return tuple(inner[at] for at in chosen)
    if node is not None and node.op_type == "Concat":
        found = tuple(one for part in node.input for one in column_dtypes(graph, part, graph.width(part) or 0))
        if len(found) == width:
            return found
    return (np.dtype(np.float64),) * width
