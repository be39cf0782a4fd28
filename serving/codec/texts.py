"""The texts of a row: from strings to the numbers that follow the numbers of the features."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from serving.codec.slices import Steps, WorkMeter
from serving.codec.values import Value
from tabento.bundle.contract import Contract
from tabento.bundle.texts import TermCounter, Texts, fill


class TextPacker:
    """Packs the texts of one contract's rows.

    Args:
        contract: the contract of the model.
        texts: the rules by which its texts become numbers.
    """

    def __init__(self, contract: Contract, texts: Texts) -> None:
        self.width = texts.width
        """V, the count of numbers for a row's texts."""
        self._counters = [(contract.features[block.column].name, TermCounter(block)) for block in texts.blocks]

    def pack(self, values: Mapping[str, Value], meter: WorkMeter) -> Steps[bytes]:
        """Return V numbers of float64 in native byte order, and yield between slices of work.

        Args:
            values: the row, by field; it fits the contract.
            meter: counts the work.
        """
        numbers = np.zeros(self.width)
        start = 0
        for name, counter in self._counters:
            text = values.get(name)
            if isinstance(text, str):
                steps = counter.steps(text)
                while True:
                    try:
                        units = next(steps)
                    except StopIteration as stop:
                        fill(numbers[start : start + counter.width], stop.value)
                        break
                    if meter.spend(units):
                        yield
            start += counter.width
        if meter.spend(self.width // 4):
            yield
        return numbers.tobytes()
