"""Rows of the champion, packed as the challenger's contract asks for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tabento.bundle.contract import UNKNOWN_CATEGORY, Contract
from tabento.bundle.feature import Feature
from tabento.bundle.texts import Texts

Recode = tuple[int, NDArray[np.float64]]
"""A column of the challenger's rows, and the challenger's code of each code of the champion."""


class RowsError(ValueError):
    """The champion's rows cannot be given to the challenger."""


class RowRecoder:
    """Converts packed rows; see ``recoder``.

    Args:
        width: the number of values of the champion's rows.
        sources: for each value of the challenger's rows the champion's index; -1 for a missing value.
        recodes: the columns of categories whose codes differ.
    """

    def __init__(self, width: int, sources: list[int], recodes: list[Recode]) -> None:
        self._width = width
        self._sources = np.array(sources, np.int64)
        self._missing = self._sources < 0
        self._has_missing = bool(self._missing.any())
        self._recodes = recodes

    def __call__(self, data: bytes, count: int) -> bytes:
        """Return the rows for the challenger.

        Args:
            data: float64 in native byte order of shape (N, F), by the champion's contract.
            count: N.
        """
        rows = np.frombuffer(data, np.float64).reshape(count, self._width)[:, self._sources]
        if self._has_missing:
            rows[:, self._missing] = np.nan
        for column, codes in self._recodes:
            values = rows[:, column]
            is_present = ~np.isnan(values)
            # The last code is that of ``UNKNOWN_CATEGORY``, which is -1.
            rows[is_present, column] = codes[values[is_present].astype(np.int64)]
        return rows.tobytes()


def recoder(
    champion: Contract, challenger: Contract, champion_texts: Texts | None = None, challenger_texts: Texts | None = None
) -> Callable[[bytes, int], bytes] | None:
    """Return a function that converts the champion's packed rows for the challenger; None if they are equal.

    Args:
        champion, challenger: the contracts.
        champion_texts, challenger_texts: the numbers of texts that follow the features, if the contracts have texts.

    Raises:
        RowsError: the challenger needs a value that the champion's rows do not have.
    """
    old = {feature.name: index for index, feature in enumerate(champion.features)}
    sources: list[int] = []
    recodes: list[Recode] = []
    for index, feature in enumerate(challenger.features):
        source = old.get(feature.name, -1)
        if source < 0 and not feature.nullable:
            raise RowsError(f"the challenger needs {feature.name!r}, which the champion's rows do not have")
        sources.append(source)
        if source < 0:
            continue
        previous = champion.features[source]
        if (previous.type == "text") != (feature.type == "text") or (previous.type == "category") != (
            feature.type == "category"
        ):
            raise RowsError(
                f"{feature.name!r} is a {previous.type} of the champion and a {feature.type} of the challenger"
            )
        if feature.type == "category" and feature.categories != previous.categories:
            recodes.append((index, _codes(previous, feature)))
    n_old, n_new = len(champion.features), len(challenger.features)
    if challenger_texts is not None:
        _require_equal_texts(champion, challenger, champion_texts, challenger_texts)
        sources.extend(range(n_old, n_old + challenger_texts.width))
    old_width = n_old + (0 if champion_texts is None else champion_texts.width)
    if not recodes and n_old == n_new and sources == list(range(old_width)):
        return None
    return RowRecoder(old_width, sources, recodes)


def _codes(champion: Feature, challenger: Feature) -> NDArray[np.float64]:
    """Return the challenger's code of each of the champion's codes, and of ``UNKNOWN_CATEGORY`` as the last one."""
    new = {category: float(code) for code, category in enumerate(challenger.categories or ())}
    codes = [new.get(category, UNKNOWN_CATEGORY) for category in champion.categories or ()]
    if challenger.unknown != "ignore" and UNKNOWN_CATEGORY in codes:
        lost = (champion.categories or ())[codes.index(UNKNOWN_CATEGORY)]
        raise RowsError(f"the challenger refuses the category {lost!r} of {challenger.name!r}")
    return np.array([*codes, UNKNOWN_CATEGORY])


def _require_equal_texts(
    champion: Contract, challenger: Contract, champion_texts: Texts | None, challenger_texts: Texts
) -> None:
    """Refuse versions that split texts differently: the champion's rows have only the numbers of its own terms.

    Raises:
        RowsError: the blocks of terms differ.
    """
    old = () if champion_texts is None else champion_texts.blocks
    blocks = [(champion.features[block.column].name, block.model_copy(update={"column": 0})) for block in old]
    expected_blocks = [
        (challenger.features[block.column].name, block.model_copy(update={"column": 0}))
        for block in challenger_texts.blocks
    ]
    if blocks != expected_blocks:
        raise RowsError(
            "the challenger splits texts into other terms than the champion, and the champion's rows do not have the texts;"
            " try it as a canary"
        )
