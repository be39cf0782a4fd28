"""Fits a function in a FunctionTransformer, on an array or on a frame, and compares its graph with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from tabento.bundle.contract import Contract
from tabento.export.tracing.trust import full_name, trusted_functions
from tabento.tables.frames import to_frame
from tests.tabento.export.tables import assert_same, contract_of, number, write_transformer

CONTRACT = contract_of(
    number("a", minimum=-20, maximum=24), number("b", minimum=-5, maximum=9, nullable=True), number("c", minimum=1)
)


def rows(count: int = 60) -> NDArray[np.float64]:
    """Return rows of the contract: whole and halved numbers, missing ones, numbers between."""
    generator = np.random.default_rng(17)
    values = np.column_stack(
        [
            generator.integers(-20, 24, count) + generator.choice([0.0, 0.5, 0.25], count),
            generator.normal(2, 2, count).clip(-5, 9).round(1),
            generator.uniform(1, 9, count),
        ]
    )
    values[::7, 1] = np.nan
    return values


def fit(function: Callable[..., Any], contract: Contract = CONTRACT, *, frame: bool = False, **options: Any) -> Any:
    """Return a function as a fitted step: it receives a frame if it is the first step, else an array."""
    step = FunctionTransformer(function, **options)
    names = list(contract.feature_names)
    model = step if frame else make_pipeline(make_column_transformer(("passthrough", names)), step)
    return model.fit(to_frame(rows(), contract))


def assert_traced(function: Callable[..., Any], *, frame: bool = False, relative: float = 0.0) -> None:
    """Compare the graph of a function with the function itself."""
    with trusted_functions([full_name(function)]):
        assert_same(fit(function, frame=frame), CONTRACT, rows(), relative=relative)


def trace(function: Callable[..., Any], *, frame: bool = False, **options: Any) -> Any:
    """Return graph and columns of a function that is trusted."""
    with trusted_functions([full_name(function)]):
        return write_transformer(fit(function, frame=frame, **options), CONTRACT)
