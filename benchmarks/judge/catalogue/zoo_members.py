"""The members of the zoo as entries: their own builders and table, passed through the import."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from benchmarks.judge.entry import Data, Entry
from benchmarks.zoo.data import shipments
from benchmarks.zoo.member import Member
from benchmarks.zoo.pipelines import zoo

ROWS = 3_000
SAMPLE_ROWS = 800


def zoo_members() -> list[Entry]:
    """Return an entry for each member of the zoo."""
    return [
        Entry(f"zoo: {key}", "zoo", member.build, partial(_data, member), missing_text=None)
        for key, member in zoo().items()
    ]


def _data(member: Member) -> Data:
    """Return the rows of a member: numbers and booleans as float64, missing texts as None."""
    table = shipments(ROWS)
    frame = table.frame[list(member.columns)].copy()
    for name in frame.columns:
        if pd.api.types.is_numeric_dtype(frame[name]):
            frame[name] = frame[name].astype(np.float64)
        else:
            values = frame[name].astype(object)
            frame[name] = values.where(values.notna(), None)
    rows = min(member.fit_rows, ROWS - SAMPLE_ROWS)
    sample = table.frame[list(member.columns)].iloc[ROWS - SAMPLE_ROWS :].reset_index(drop=True)
    return Data(frame.iloc[:rows], table.targets[member.task][:rows], sample)
