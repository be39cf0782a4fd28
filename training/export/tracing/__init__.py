"""Tracing: a function of arrays or frames becomes nodes, by calling it once with symbols in place of numbers.

The function gets an array (``arrays``) or a frame (``frames``) whose cells are symbols (``symbols``). Whatever it computes
with NumPy makes a symbol of symbols; what it returns is written as nodes (``writing``). A function that is the user's own
runs only if it was named as trusted (``trust``).
"""

from training.export.tracing.trace import traced_function, traced_transform
from training.export.tracing.trust import trusted_functions

__all__ = ["traced_function", "traced_transform", "trusted_functions"]
