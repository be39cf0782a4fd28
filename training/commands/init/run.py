"""A run of ``tabento init``: the file is read, its columns and target are decided, and the config is written and checked."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from tabento.tables.cells import repeated_rows
from tabento.tables.faults import DataError, SplitError
from training.commands.init.columns import can_be_field, decide_column
from training.commands.init.decision import Decision
from training.commands.init.errors import InitError
from training.commands.init.leakage import dropped_suspect, leakage_suspects
from training.commands.init.profile import ColumnProfile, profile_column
from training.commands.init.source import InitRequest, Source, open_source
from training.commands.init.target import decide_target
from training.commands.init.writing import Draft, render
from training.config import ConfigError, ModelConfig, load_config
from training.data.loader import load_dataset
from training.data.split import Parts, split
from training.data.validation import validate
from training.progress import Progress

_NAME = re.compile(r"[a-z]([a-z0-9_]{0,52}[a-z0-9])?")


@dataclass(frozen=True)
class InitResult:
    """The config that was written."""

    draft: Draft
    config: ModelConfig
    out: Path
    data: Path
    """The file to train on: the user's file, or its converted copy."""
    changes: tuple[str, ...]
    """The changes of the copy as text; empty if there is no copy."""
    rows_without_target: int
    """The number of rows that the copy skips because their target is missing."""
    parts: Parts
    """The rows that were read, validated and split."""


def init(request: InitRequest, progress: Progress) -> InitResult:
    """Write a config for a table.

    Raises:
        InitError: the file cannot be read or has no such target, or the config exists already or cannot be written.
        DataError: the file is not a well-formed table.
        ConfigError, SplitError: no model can be trained on the data, although the config describes it.
    """
    _check_name(request.name)
    if request.out.exists() and not request.force:
        raise InitError(
            f"the config {request.out} exists already and is not written over. Give another --out or --name, or --force to"
            " replace it."
        )
    with progress.step(f"Read {request.data.name}") as step:
        source = open_source(request)
        step.detail = f"{source.table.rows_in_file:,} rows, {source.table.frame.shape[1]} columns"
    with progress.step("Decide each column") as step:
        draft = _decide(request, source)
        step.detail = f"{len(draft.features)} features, {len(draft.dropped)} dropped, {draft.target.task}"
    return _write_checked(request, source, draft, progress)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InitError(
            "--name: expected lower-case letters, digits and underscores, beginning with a letter, at most 54; got"
            f" {name!r}."
        )


def _decide(request: InitRequest, source: Source) -> Draft:
    table, frame = source.table, source.table.frame
    target = decide_target(
        profile_column(frame[request.target]), request.data.name, task=request.task, positive=request.positive
    )
    if not can_be_field(request.target):
        raise InitError(
            f"{request.data.name}: the target {request.target!r} cannot be the name of a field: quotes, backslashes and"
            " line ends are not allowed. Rename the column."
        )
    names = [str(name) for name in frame.columns if str(name) != request.target]
    profiles = [profile_column(frame[name], scale=table.scale) for name in names]
    columns = _without_copies([decide_column(profile) for profile in profiles], profiles, frame)
    if not any(column.feature for column in columns):
        reasons = "\n".join(f"  {column.name}: {column.reason}" for column in columns)
        raise InitError(f"{request.data.name}: expected at least one column to learn from; all are dropped:\n{reasons}")
    duplicates = int(repeated_rows(frame).sum())
    doubts = [*_doubts_of_file(request, source), *target.doubts, *(column.doubt for column in columns if column.doubt)]
    if duplicates:
        doubts.append(
            f"{duplicates:,} of {len(frame):,} rows equal an earlier one. If they are mistakes, set `duplicates: drop`."
        )
    return Draft(request.name, request.data.name, table.rows_in_file, duplicates, target, tuple(columns), tuple(doubts))


def _without_copies(
    columns: Sequence[Decision], profiles: Sequence[ColumnProfile], frame: pd.DataFrame
) -> list[Decision]:
    """Drop a feature that equals an earlier one in every row."""
    alike: dict[tuple[int, int, str], list[str]] = {}
    decisions = []
    for column, profile in zip(columns, profiles, strict=True):
        if column.feature is not None:
            # Only columns that look alike are compared cell by cell.
            earlier = alike.setdefault((profile.distinct, profile.present, next(iter(profile.texts))), [])
            first = next((name for name in earlier if frame[name].eq(frame[column.name]).all()), None)
            if first is None:
                earlier.append(column.name)
            else:
                column = Decision(column.name, None, f"Equals {first} in every row.")
        decisions.append(column)
    return decisions


def _doubts_of_file(request: InitRequest, source: Source) -> list[str]:
    doubts = []
    encoding = source.file_format.encoding
    if encoding.is_guess and request.encoding is None:
        doubts.append(
            f"The file is not UTF-8 and was read as {encoding.title}. If letters such as é or ü look wrong in {source.path},"
            " name the encoding with --encoding."
        )
    if source.rows_without_target:
        doubts.append(f"{source.rows_without_target:,} rows have no value of {request.target} and are left out.")
    if not source.table.is_whole:
        doubts.append(
            f"Only the first {len(source.table.frame):,} of about {source.table.rows_in_file:,} rows were looked at. `tabento"
            " data` checks all; widen a range or add a category if a later row needs it."
        )
    return doubts


def _write_checked(request: InitRequest, source: Source, draft: Draft, progress: Progress) -> InitResult:
    """Check the data against the config, drop the suspects of leakage, and write the config."""
    with tempfile.TemporaryDirectory() as folder:
        data = source.path
        if not source.table.is_whole:
            data = Path(folder) / source.path.name
            source.table.frame.to_csv(data, index=False, lineterminator="\n")
        with progress.step("Check the data against the config") as step:
            try:
                config, parts = _check(draft, data, Path(folder), progress.warn)
                suspects = leakage_suspects(parts.config, parts.train)
                if suspects:
                    draft = _without_suspects(draft, suspects)
                    config, parts = _check(draft, data, Path(folder), progress.warn)
            except (ConfigError, DataError, SplitError) as error:
                _write(request, draft)
                raise InitError(
                    f"the config is written to {request.out}, but it cannot be trained on {source.path} yet:\n{error}"
                ) from error
            step.detail = f"{len(parts.train):,} rows to train, {len(parts.test):,} to test"
    _write(request, draft)
    changes = tuple(source.file_format.changes()) if source.path is not request.data else ()
    return InitResult(draft, config, request.out, source.path, changes, source.rows_without_target, parts)


def _check(draft: Draft, data: Path, folder: Path, warn: Callable[[str], None]) -> tuple[ModelConfig, Parts]:
    path = folder / f"{draft.name}.yaml"
    path.write_text(render(draft), encoding="utf-8")
    config = load_config(path)
    return config, split(validate(load_dataset(config, str(data), folder, warn).frame, config), config)


def _without_suspects(draft: Draft, suspects: Mapping[str, float]) -> Draft:
    target = draft.target
    is_number = target.task == "regression"
    dropped = {
        name: dropped_suspect(name, score, target.entry["name"], is_number=is_number)
        for name, score in suspects.items()
    }
    columns = tuple(dropped.get(column.name, column) for column in draft.columns)
    doubts = (*(str(decision.doubt) for decision in dropped.values()), *draft.doubts)
    smaller = replace(draft, columns=columns, doubts=doubts)
    if not smaller.features:
        raise InitError(
            f"{draft.source}: expected at least one column to learn from; each of {', '.join(map(repr, dropped))} nearly"
            f" says the answer, {target.entry['name']}. Give a table of values that are known before it."
        )
    return smaller


def _write(request: InitRequest, draft: Draft) -> None:
    try:
        request.out.parent.mkdir(parents=True, exist_ok=True)
        with request.out.open("w" if request.force else "x", encoding="utf-8") as file:
            file.write(render(draft))
    except OSError as error:
        raise InitError(
            f"the config {request.out} cannot be written: {error.strerror or error}. Choose another --out."
        ) from error
