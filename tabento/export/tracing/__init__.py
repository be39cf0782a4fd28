"""Tracing: converts a function of arrays or frames to nodes. The function is called with symbols in place of numbers.

The function receives an array (``arrays``) or a frame (``frames``) whose cells are symbols (``symbols``). Every operation
of NumPy on symbols gives new symbols, and the symbols in the result are written as nodes (``writing``). A function of a
user is called only if the user named it as trusted (``trust``).
"""

from tabento.export.tracing.trace import traced_function, traced_transform
from tabento.export.tracing.trust import trusted_functions

__all__ = ["traced_function", "traced_transform", "trusted_functions"]
