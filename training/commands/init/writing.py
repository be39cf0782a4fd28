"""The config as commented YAML: one line for each column, and above it a summary of its values."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from training.commands.init.decision import Decision
from training.commands.init.target import TargetDecision

_KEY_CHARACTERS = 100
_LINE_ENDS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_NUMBER_LIKE = re.compile(r"[\d+.~-]")
"""The beginning of text that some readers of YAML take for a number: 1e3, 08, 1:30."""
WIDTH = 118
"""The largest length of a comment line."""


@dataclass(frozen=True)
class Draft:
    """The content of a config."""

    name: str
    source: str
    """The data's file name, for messages."""
    rows: int
    duplicates: int
    """The number of rows that equal an earlier one."""
    target: TargetDecision
    columns: tuple[Decision, ...]
    """In the order of the file, without the target."""
    doubts: tuple[str, ...]
    """Questions that a user should check."""

    @property
    def features(self) -> tuple[Decision, ...]:
        """The columns that clients send."""
        return tuple(column for column in self.columns if column.feature is not None)

    @property
    def dropped(self) -> tuple[Decision, ...]:
        """The columns that no model sees."""
        return tuple(column for column in self.columns if column.feature is None)


def render(draft: Draft) -> str:
    """Return a config as YAML with a comment for each decision."""
    target = draft.target
    parts = [
        _comment(
            f"Written by `tabento init` from {draft.source} ({draft.rows:,} rows). docs/configs.md explains every key."
        )
    ]
    if draft.doubts:
        parts[0] += "#\n" + _comment("Not sure, please look:") + "".join(_bullet(doubt) for doubt in draft.doubts)
    title = draft.name.replace("_", " ").capitalize()
    head = {"name": draft.name, "title": title, "description": f"Predicts {target.entry['name']}.", "task": target.task}
    parts.append(_block(head))
    parts.append(_comment(f"The target has {target.reason}.") + _target(target.entry))
    parts.append(
        _comment(
            "What a client sends. Values outside a range are refused; ranges have slack around what the file shows."
            " `missing`: texts that count as missing, in files and in requests."
        )
        + "features:\n"
        + "".join(f"{_comment(column.reason + '.', '  ')}  - {_flow(column.feature)}\n" for column in draft.features)
    )
    if draft.dropped:
        entries = "".join(_entry(column.name, column.reason) for column in draft.dropped)
        parts.append(_comment("Columns that no model sees, each with the reason.") + "drop:\n" + entries)
    dates = [column for column in draft.features if column.parts]
    if dates:
        parts.append(
            _comment("What the model sees of dates, in UTC; docs/configs.md lists all parts.")
            + "derived:\n  dates:\n"
            + "".join(f"    - {_flow({'column': column.name, 'parts': column.parts})}\n" for column in dates)
        )
    parts.append(_comment(_duplicates_in_words(draft.duplicates)) + "duplicates: keep\n")
    parts.append(
        _comment("What stands in for a missing number. Missing text is a value of its own.") + "impute: median\n"
    )
    parts.append(_comment(_ESTIMATOR) + f"estimator: {_flow(estimator_of(draft.rows))}\n")
    if target.positive_share is not None:
        parts.append(_comment(_decision_in_words(target)) + "decision: {by: most_probable}\n")
    parts.append(
        _comment("One row in five is set aside for the test, at random.") + "split: {test_size: 0.2, seed: 42}\n"
    )
    parts.append(
        _comment(_GATE) + "gate:\n" + "".join(f"  {key}: {_scalar(limits)}\n" for key, limits in _gate(draft).items())
    )
    return "\n".join(parts)


_GATE = (
    "A model that misses a limit is not stored. Parts of the rows are shown and not judged: `worse_max: 2.0` would refuse a"
    " model whose loss on one of them is more than twice that on all. One row may take 30% of the promise, 10 ms."
)
_PERMUTED_ROWS = 2_000
"""The largest number of rows on which the gate learns permuted targets."""
_PERMUTED_MAX = 0.1
"""The default limit of the score above chance."""
_ESTIMATOR = (
    "Trees by gradient boosting: quick, exact in the graph, and good on most tables. `make stages` compares others with it"
    " and searches for better parameters."
)


def estimator_of(rows: int) -> dict[str, Any]:
    """Return the estimator that a new config has: fewer and smaller trees for few rows."""
    is_small = rows < 2_000
    params = {
        "max_iter": 100 if is_small else 200,
        "learning_rate": 0.06,
        "max_leaf_nodes": 8 if is_small else 20,
        "min_samples_leaf": 15 if is_small else 30,
        "l2_regularization": 1.0,
    }
    return {"kind": "hist_gradient_boosting", "params": params}


def _gate(draft: Draft) -> dict[str, Any]:
    gate: dict[str, Any] = {"slices": {"worse_max": None}, "single_row_p99_us_max": 3_000}
    limit = permuted_limit(draft.rows, draft.target.rarest_share)
    if limit > _PERMUTED_MAX:
        # With few rows of a class, chance alone goes beyond the default.
        gate["leakage"] = {"permuted_target_max": limit}
    return gate


def permuted_limit(rows: int, rarest_share: float | None) -> float:
    """Return the limit of the score above chance on permuted targets: four standard deviations of chance.

    The standard deviation of an area under the ROC curve without any signal is that of Mann and Whitney's U (1947),
    sqrt((n + 1) / (12 p q)) with p rows of the class and q others; R² goes beyond the default by no chance.
    """
    if rarest_share is None:
        return _PERMUTED_MAX
    count = min(rows, _PERMUTED_ROWS)
    rarest = max(1.0, rarest_share * count)
    deviation = math.sqrt((count + 1) / (12 * rarest * max(1.0, count - rarest)))
    return min(0.45, max(_PERMUTED_MAX, math.ceil(4 * deviation * 20) / 20))


def _duplicates_in_words(count: int) -> str:
    if not count:
        return (
            "No row equals another in every column. `drop` would leave such rows out, `refuse` would not take the data."
        )
    rows = "row equals" if count == 1 else "rows equal"
    return f"{count:,} {rows} an earlier one in every column. `drop` leaves them out, `refuse` does not take the data."


def _decision_in_words(target: TargetDecision) -> str:
    share = target.positive_share or 0.0
    return (
        f"{target.entry['positive']!r} is {share:.1%} of the rows. `by: f1` or `by: cost` choose another threshold than 0.5"
        " (docs/configs.md)."
    )


def _target(entry: dict[str, Any]) -> str:
    lines = ["target:"]
    for key, value in entry.items():
        if key == "classes":
            lines += ["  classes:", *(f"    - {_flow(item)}" for item in value)]
        else:
            lines.append(f"  {key}: {_scalar(value)}")
    return "\n".join(lines) + "\n"


def _entry(name: str, reason: str) -> str:
    # YAML takes a key of more than 1,024 characters behind a question mark only.
    if len(name) > _KEY_CHARACTERS:
        return f"  ? {_scalar(name)}\n  : {_scalar(reason)}\n"
    return f"  {_scalar(name)}: {_scalar(reason)}\n"


def _flow(data: Any) -> str:
    text: str = yaml.dump(
        _readable(data), Dumper=_Dumper, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**9
    )
    return text.strip()


def _scalar(value: Any) -> str:
    # A list around it spares the document's end mark that a bare scalar gets.
    return _flow([value])[1:-1]


def _block(data: dict[str, Any]) -> str:
    return "".join(f"{key}: {_scalar(value)}\n" for key, value in data.items())


def _readable(data: Any) -> Any:
    """Return data with whole numbers written without a point."""
    if isinstance(data, dict):
        return {key: _readable(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_readable(value) for value in data]
    return int(data) if isinstance(data, float) and data.is_integer() and abs(data) < 1e15 else data


class _Dumper(yaml.SafeDumper):
    """Writes every value out, and text with line ends or control characters in quotes with escapes, on one line."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write every value out."""
        return True


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = '"' if _LINE_ENDS.search(text) else "'" if _NUMBER_LIKE.match(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def _bullet(text: str) -> str:
    lines = _wrapped(text, WIDTH - 4)
    return "".join(f"# {'- ' if place == 0 else '  '}{line}\n" for place, line in enumerate(lines))


def _comment(text: str, indent: str = "") -> str:
    return "".join(f"{indent}# {line}\n" for line in _wrapped(text, WIDTH - 2 - len(indent)))


def _wrapped(text: str, width: int) -> Sequence[str]:
    # Text of a file can have line ends and control characters; a comment must stay on its lines.
    printable = re.sub(r"[^\x20-\x7e\u00a0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffc]", " ", text)
    return textwrap.wrap(" ".join(printable.split()), width, break_long_words=False, break_on_hyphens=False) or [""]
