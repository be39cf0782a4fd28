"""The graph writer: it adds nodes and constants to a graph and knows the current step of the pipeline.

Every converter and every ``write_graph`` method of a user's class receives one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from tabento.bundle.contract import Contract
from tabento.export.errors import ExportError
from tabento.export.graph.facts import Ensemble, Monotone, TurningPoints
from tabento.export.graph.graph import Graph
from tabento.export.graph.trees import Trees
from tabento.export.graph.values import Columns, Scores

DOUBLE, INT64, BOOL = TensorProto.DOUBLE, TensorProto.INT64, TensorProto.BOOL


class GraphWriter:
    """Writer of one graph.

    Args:
        graph: the graph to which nodes are added.
        contract: the contract that every row fulfils; a converter can rely on it.
    """

    def __init__(self, graph: Graph, contract: Contract) -> None:
        self.graph = graph
        self.contract = contract
        self._path: list[str] = []

    @property
    def step(self) -> str:
        """The path of the current step: ``features/numbers/scale``."""
        return "/".join(self._path) or "pipeline"

    @contextmanager
    def step_scope(self, name: str) -> Iterator[None]:
        """Write a step inside the current step while the block runs."""
        self._path.append(name)
        try:
            yield
        finally:
            self._path.pop()

    def refusal(self, reason: str, nearest: str) -> ExportError:
        """Return the error that refuses the current step: ``raise writer.refusal(...)``.

        Args:
            reason: the reason why the step has no exact conversion.
            nearest: the nearest step that can be converted.
        """
        return ExportError(self.step, reason, nearest)

    def constant(self, array: Any, hint: str = "constant") -> str:
        """Store an array as a constant and return its name.

        Args:
            array: any shape. float64, int64 and bool keep their dtype; other numbers become float64.
            hint: the beginning of the name.
        """
        values = np.asarray(array)
        if values.dtype not in (np.float64, np.int64, np.bool_):
            values = values.astype(np.float64)
        return self.graph.constant(values, hint)

    def node(self, operator: str, inputs: Sequence[str], hint: str = "", **attributes: Any) -> str:
        """Add a node with one output and return the output's name.

        Args:
            operator: the operator's name in ONNX.
            inputs: names of values and constants.
            hint: the beginning of the output's name.
            attributes: the operator's attributes, and ``domain`` if it is not the default domain.
        """
        output = self.graph.add(operator, inputs, hint or operator.lower(), **attributes)
        self.graph.step_of_value[output] = self.step
        return output

    def ensemble(self, value: str, trees: Trees, hint: str) -> str:
        """Add trees that belong to no estimator, and return their output of shape (N, targets)."""
        output = self.graph.add_trees(value, trees, hint)
        self.graph.step_of_value[output] = self.step
        return output

    def nodes(self, operator: str, inputs: Sequence[str], outputs: int, **attributes: Any) -> list[str]:
        """Add a node with several outputs, such as TopK, and return their names."""
        names = [self.graph.fresh_name(f"{operator.lower()}_{number}") for number in range(outputs)]
        self.graph.nodes.append(helper.make_node(operator, list(inputs), names, **attributes))
        self.graph.step_of_value.update(dict.fromkeys(names, self.step))
        return names

    def cast(self, value: str, kind: int = DOUBLE) -> str:
        """Cast a value: ``DOUBLE``, ``INT64`` or ``BOOL``."""
        return self.node("Cast", [value], to=kind)

    def numbers(self, value: str, width: int) -> Columns:
        """Return a value of shape (N, width) as columns of numbers, as ``write_graph`` of a transformer returns them."""
        return Columns(value, (None,) * width)

    def scores(self, label: str, probabilities: str | None = None, decision: str | None = None) -> Scores:
        """Return values as ``write_graph`` of a classifier returns them; see ``tabento.export.graph.values.Scores``."""
        return Scores(label, probabilities, decision)

    def pick(self, columns: Columns, positions: Sequence[int]) -> Columns:
        """Select columns by their positions."""
        selected = [int(position) for position in positions]
        name, stored = columns.name, columns.stored
        if selected != list(range(columns.width)):
            indices = self.constant(np.array(selected, dtype=np.int64), "columns")
            name = self.node("Gather", [name, indices], axis=1)
            if stored is not None:
                stored = name if stored == columns.name else self.node("Gather", [stored, indices], "stored", axis=1)
        return dataclasses.replace(
            columns,
            name=name,
            stored=stored,
            codes=tuple(columns.codes[index] for index in selected),
            names=None if columns.names is None else tuple(columns.names[index] for index in selected),
        )

    def join(self, parts: Sequence[Columns]) -> Columns:
        """Concatenate columns. If one part is a sparse matrix, scikit-learn's result is a sparse matrix."""
        nonempty = [part for part in parts if part.width]
        if len(nonempty) == 1:
            return nonempty[0]
        codes = tuple(code for part in nonempty for code in part.codes)
        names = [part.names for part in nonempty]
        joined_names = (
            None
            if None in names
            else tuple(name for part_names in names if part_names is not None for name in part_names)
        )
        joined = self.node("Concat", [part.name for part in nonempty], "joined", axis=1)
        sparse, is_float32 = any(part.sparse for part in nonempty), all(part.is_float32 for part in nonempty)
        stored = self._joined_entries(nonempty, joined) if sparse else None
        return Columns(joined, codes, joined_names, sparse=sparse, stored=stored, is_float32=is_float32)

    def _joined_entries(self, parts: Sequence[Columns], joined: str) -> str | None:
        """Return ``Columns.stored`` of joined parts. SciPy stores no zeros of a dense part that it converts to a sparse matrix."""
        entries = [part.stored if part.sparse else part.name for part in parts]
        if entries == [part.name for part in parts]:
            return joined
        present = [entry for entry in entries if entry is not None]
        return self.node("Concat", present, "stored", axis=1) if len(present) == len(entries) else None

    def concatenate(self, values: Sequence[str]) -> str:
        """Concatenate values of shape (N, any) along their columns."""
        return values[0] if len(values) == 1 else self.node("Concat", values, "joined", axis=1)

    def require_numbers(self, columns: Columns) -> None:
        """Refuse the current step if a column that it receives holds strings.

        Raises:
            ExportError: a column holds categories or texts.
        """
        if not columns.numeric:
            names = columns.names or tuple(str(position) for position in range(columns.width))
            strings = [name for name, code in zip(names, columns.codes, strict=True) if code is not None]
            raise self.refusal(
                f"it would see the strings of {strings}",
                "OneHotEncoder, OrdinalEncoder or TargetEncoder in front of each category",
            )

    def refuse_machine_dependent(self, columns: Columns, effect: str, remedy: str) -> None:
        """Refuse a discontinuous step if it receives machine-dependent numbers, see ``mark_machine_dependent``.

        Args:
            columns: the columns that the step receives.
            effect: the effect on the step, as the beginning of a sentence: "its trees would split on".
            remedy: the nearest pipeline that can be exported.

        Raises:
            ExportError: a column depends on such a number.
        """
        value = self.machine_dependent_source(columns.name)
        if value is not None:
            raise self.refusal(
                f"{effect} {self.graph.machine_dependent[value]}", self.graph.remedies.get(value, remedy)
            )

    def machine_dependent_source(self, value: str) -> str | None:
        """Return the machine-dependent value that a value depends on: the last one that was written, or None."""
        if not self.graph.machine_dependent:
            return None
        ancestors = self.graph.ancestors(value)
        return next((name for name in reversed(self.graph.machine_dependent) if name in ancestors), None)

    def mark_machine_dependent(self, value: str, reason: str, remedy: str) -> None:
        """Record that the last bits of a value in scikit-learn itself depend on the computer.

        A discontinuous step after such a value has no single right answer, so ``refuse_machine_dependent`` refuses it.

        Args:
            value: the value's name.
            reason: a description of the value and the reason, as the end of a sentence.
            remedy: the nearest pipeline without such values.
        """
        self.graph.machine_dependent.pop(value, None)
        self.graph.machine_dependent[value] = reason
        self.graph.remedies[value] = remedy

    def mark_inexact(self, value: str, description: str, remedy: str, columns: Sequence[bool] | None = None) -> None:
        """Record that the last bits of a value depend on the order of additions, see ``tabento.export.analysis.inexact_sums``.

        Args:
            value: the value's name.
            description: a description of the value; it identifies the remedy.
            remedy: the nearest pipeline that can be exported if trees split on the value.
            columns: for each column whether it is such a value; by default all columns are.
        """
        self.graph.inexact[value] = (
            description if columns is None else tuple(description if is_inexact else None for is_inexact in columns)
        )
        self.graph.remedies[description] = remedy

    def dtypes(self, columns: Columns) -> tuple[np.dtype[Any], ...]:
        """Return the dtype of each column in scikit-learn. An array has one dtype for all columns, a frame one for each."""
        column_types = column_dtypes(self.graph, columns.name, columns.width)
        return (
            column_types
            if columns.names is not None or not column_types
            else (np.result_type(*column_types),) * len(column_types)
        )

    def keep_dtypes(self, value: str, dtypes: Sequence[np.dtype[Any]]) -> None:
        """Record the dtypes of a value's columns in scikit-learn; float64 is the default."""
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
        turning_points: TurningPoints | None = None,
    ) -> None:
        """Record that column i of ``value`` is ``functions[i]`` of column i of ``source``.

        A pass can then replace the thresholds of trees on ``value`` with thresholds on ``source``.

        Args:
            value: a value of shape (N, width).
            source: a value of shape (N, width).
            functions: one function per column, float64 of shape (n,) to float64 of shape (n,). It must compute the same
                bits as scikit-learn and return NaN for NaN. All of them are weakly increasing, or all are weakly decreasing.
            increasing: False if the functions decrease.
            domain: the smallest and the largest argument. Thresholds are replaced only if the contract keeps all rows
                inside the domain.
            certain: True if weak monotonicity follows from IEEE 754 (sums, products and quotients with a constant).
                Otherwise it is checked around every threshold.
            turning_points: the turning points of the functions outside of the domain, if thresholds are to be replaced
                there too.
        """
        self.graph.monotone[value] = Monotone(source, tuple(functions), increasing, domain, certain, turning_points)

    def trees(self, columns: Columns, trees: Trees, estimator: Any) -> str:
        """Add an ensemble of trees and return its output, shape (N, targets).

        Args:
            columns: the columns that the trees receive.
            trees: thresholds, leaves and targets.
            estimator: the fitted estimator that the trees were read from. Parity compares branches with it.

        Raises:
            ExportError: the trees would receive strings, or numbers whose last bits depend on the computer.
        """
        self.require_numbers(columns)
        self.refuse_machine_dependent(
            columns,
            "its trees would split on",
            "SimpleImputer in front of the trees, or trees that take missing values themselves",
        )
        output = self.ensemble(columns.name, trees, "trees")
        self.graph.ensembles.append(Ensemble(output, self.step, estimator))
        return output


def column_dtypes(graph: Graph, value: str, width: int) -> tuple[np.dtype[Any], ...]:
    """Return the dtype of each column of a value in scikit-learn. Selected and joined columns keep their dtypes."""
    if value in graph.dtypes:
        return graph.dtypes[value]
    node = graph.producer(value)
    if node is not None and node.op_type == "Gather" and node.input[1] in graph.constants:
        inner = column_dtypes(graph, node.input[0], graph.width(node.input[0]) or 0)
        selected = graph.constants[node.input[1]].ravel()
        if inner and selected.max(initial=-1) < len(inner):
            return tuple(inner[index] for index in selected)
    if node is not None and node.op_type == "Concat":
        joined_dtypes = tuple(
            dtype for part in node.input for dtype in column_dtypes(graph, part, graph.width(part) or 0)
        )
        if len(joined_dtypes) == width:
            return joined_dtypes
    return (np.dtype(np.float64),) * width
