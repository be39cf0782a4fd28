"""The ONNX Runtime session: the one way in which the service and all offline code open a graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnxruntime

LOG_ERRORS = 3
"""ONNX Runtime writes errors to standard error, without warnings."""
LOG_FATAL_ERRORS = 4
"""ONNX Runtime writes fatal errors only."""


def open_session(
    model: bytes | str | Path, *, threads: int = 1, log_severity: int | None = None, arena: bool = True
) -> onnxruntime.InferenceSession:
    """Open a graph on the CPU, for operators that run in sequence.

    With more than one thread, ONNX Runtime adds the trees of an ensemble in another order, and the last bit of an answer can
    depend on the computer. So that the proof, the gate and the service get the same bits, all use one thread.

    Args:
        model: the serialised graph, or the path of its file.
        threads: the number of threads that one call can use.
        log_severity: the lowest severity that ONNX Runtime writes to standard error, such as ``LOG_ERRORS``. None for its
            default, which includes warnings.
        arena: whether the session keeps the memory of its largest batch for the next one, some 100 KiB for a small graph. Without
            it, memory comes from the C library, which many sessions share. The answers are the same, and runs are as fast.

    Raises:
        Exception: ONNX Runtime cannot load the graph. Its errors have no public base class.
    """
    # The format is usable without ONNX Runtime: for a contract or a manifest it is not imported.
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    # Threads that wait by spinning would take the CPU from the event loop of the service.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = arena
    if log_severity is not None:
        options.log_severity_level = log_severity
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
