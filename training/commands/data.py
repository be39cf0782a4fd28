"""``tabento data``: get and check the data, and print a summary; nothing is trained."""

from __future__ import annotations

from pathlib import Path

import click

from tabento.command_line.commands import SectionedCommand, verbose_option
from training.commands import entries
from training.commands.configs import read_config
from training.commands.options import Invocation, config_option, data_options
from training.commands.preflight import before_reading, require_none


def data(invocation: Invocation, config: Path, data: str | None, overrides: tuple[str, ...]) -> None:
    """Get the data, check it and print its kind, source, rows and missing values.

    Raises:
        ConfigError, DataError, SplitError, TabentoError: see ``read_config`` and ``training.stages.run.prepare``.
    """
    settings, progress = invocation.begin(config)
    model_config = read_config(config, data, overrides, settings, progress)
    require_none(before_reading(model_config, settings, data))
    from training.stages.run import prepare

    loaded = prepare(model_config, data, settings, progress)
    dataset, parts = loaded.dataset, loaded.parts
    progress.listing(
        f"{model_config.title}: the data is fit for training",
        [
            ("kind", dataset.kind),
            ("source", dataset.source),
            ("sha256", dataset.sha256),
            ("rows", f"{len(parts.train):,} to train, {len(parts.test):,} to test"),
        ],
    )
    missing = parts.train.isna().mean()
    progress.table(
        "Share of missing values, in the training part and in the test part",
        [
            (str(column), f"{missing[column]:.2%}", f"{parts.test[column].isna().mean():.2%}")
            for column in parts.train.columns
            if missing[column] > 0 or parts.test[column].isna().any()
        ]
        or [("none", "", "")],
    )


command = SectionedCommand(
    "data",
    callback=click.pass_obj(data),
    help=entries.DATA.help,
    epilog=entries.EXAMPLES,
    params=[config_option(), *data_options(), verbose_option()],
)
