"""Whatever a file holds, there is a config that its data fits, or an error in words."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tabento.tables.faults import DataError
from tests.examples import examples
from tests.training.commands.init.files import QUIET, request_for
from training.commands.init.errors import InitError
from training.commands.init.run import init
from training.config import load_config

CELLS = st.one_of(
    st.sampled_from(["", " ", "NA", "?", "yes", "No", "true", "0", "1", "08", "1e3", "1,5", "$2", "3%", "inf", "null", "~", "2024-01-02", "a: b", "#", "é", "'", '"', "[x]", "x\ny", "1e400", "-0", "9" * 30]),
    st.integers(-5, 5).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(str),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6),
)  # fmt: skip
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).map(str.strip)
COLUMNS = st.lists(st.tuples(NAMES, st.lists(CELLS, min_size=1, max_size=4)), min_size=1, max_size=4)


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(COLUMNS, st.lists(CELLS, min_size=2, max_size=3), st.sampled_from([",", ";", "\t"]), st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]))  # fmt: skip
def test_odd_file_gives_a_config_or_words(
    columns: list[tuple[str, list[str]]], target: list[str], delimiter: str, encoding: str
) -> None:
    """Odd cells, names, delimiters and encodings: no file ends in a traceback, and a written config can be read."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow([*(name for name, _ in columns), "the target"])
    for row in range(60):
        # Three steps of different length, so that no column follows from another.
        cells = [values[(row * (place + 3) // 7) % len(values)] for place, (_, values) in enumerate(columns)]
        writer.writerow([*cells, target[row * 5 // 3 % len(target)]])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        path.write_bytes(text.getvalue().encode(encoding))
        try:
            result = init(request_for(path, "the target"), QUIET)
        except (InitError, DataError) as error:
            assert str(error)
        else:
            assert load_config(result.out) == result.config
