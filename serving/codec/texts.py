"""The texts of a row: from strings to the numbers that travel behind those of the features."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bundle.contract import Contract
from bundle.texts import TermCounter, Texts, fill
from serving.codec.slices import Steps, WorkMeter
from serving.codec.values import Value


class TextPacker:
    """Packs the texts of one contract's rows.

    Args:
        contract: what the model takes.
        texts: how its texts become numbers.
    """

    def __init__(self, contract: Contract, texts: Texts) -> None:
        self.width = texts.width
        """V, how many numbers follow those of the features."""
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
