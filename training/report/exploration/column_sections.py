"""The sections about single columns: the target, and a card for each feature."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tabento.bundle.contract import Feature
from tabento.bundle.numbers import number_text
from training.config import ModelConfig
from training.report.exploration import column_plots
from training.report.page import Block, Card, Picture, Section, Table, Text
from training.studies.exploration.profile import ROBUST_Z_LIMIT, NumberProfile, Profile
from training.studies.exploration.relation import Relation
from training.studies.exploration.study import StudyData
from training.studies.texts import format_percent, format_short

CATEGORIES_LISTED = 8
CARDS_LIMIT = 150
"""The largest number of plotted features; further features are in the tables only, because of the size of the page."""


def target_section(config: ModelConfig, study: StudyData, train: pd.DataFrame) -> Section:
    """Return the section about the target: its distribution, quantiles and spikes, or its classes."""
    values = train[config.target.name].to_numpy(dtype=np.float64)
    picture = Picture(
        column_plots.target_figure(config, study.target, values, study.spikes),
        f"Distribution of the target {config.target.name}",
    )
    blocks: list[Block] = [Text(config.target.description)] if config.target.description else []
    blocks.append(picture)
    if isinstance(study.target, NumberProfile):
        blocks.append(_quantiles([study.target]))
        if study.spikes:
            rows = tuple(
                (f"{number_text(spike.value, grouped=True)}", f"{spike.rows:,}", format_percent(spike.share), spike.end)
                for spike in study.spikes
            )
            blocks.append(
                Table(
                    ("Value", "Rows", "Share", "End of the range"),
                    rows,
                    caption="Values that are far more frequent than their neighbours.",
                )
            )
    else:
        counts = study.target.counts
        smallest, largest = min(counts.values()), max(counts.values())
        blocks.append(
            Text(f"{len(counts)} classes; the largest has {largest / smallest:.1f} times the rows of the smallest.")
        )
    return Section("Target", tuple(blocks))


def features_section(config: ModelConfig, study: StudyData, train: pd.DataFrame) -> Section:
    """Return the section with one card for each feature."""
    blocks: list[Block] = []
    if len(config.features) > CARDS_LIMIT:
        blocks.append(Text(f"The first {CARDS_LIMIT} of {len(config.features)} features are plotted."))
    cards = zip(config.features, study.profiles, study.relations, strict=True)
    for feature, profile, relation in list(cards)[:CARDS_LIMIT]:
        png = column_plots.feature_figure(feature, profile, train[feature.name].to_numpy(), relation, config)
        picture = Picture(png, f"Distribution of {feature.name}, and the target along it")
        blocks.append(Card(feature.name, _subtitle(feature), picture, _feature_table(profile, relation)))
    return Section("Features", tuple(blocks))


def _subtitle(feature: Feature) -> str:
    unit = f" in {feature.unit}" if feature.unit else ""
    return f"{feature.type}{unit}. {feature.description}".strip()


def _feature_table(profile: Profile, relation: Relation) -> Table:
    rows = [("missing", format_percent(profile.missing / profile.rows)), ("distinct", f"{profile.distinct:,}")]
    if isinstance(profile, NumberProfile):
        rows += [
            ("minimum", format_short(profile.quantiles["0"])),
            ("5%", format_short(profile.quantiles["0.05"])),
            ("median", format_short(profile.quantiles["0.5"])),
            ("mean", format_short(profile.mean)),
            ("95%", format_short(profile.quantiles["0.95"])),
            ("maximum", format_short(profile.quantiles["1"])),
            ("sd", format_short(profile.sd)),
            ("skewness", format_short(profile.skewness)),
            (
                "outside IQR fences",
                format_percent(profile.outside_fences / profile.n_known if profile.n_known else None),
            ),
            (
                f"|robust z| > {ROBUST_Z_LIMIT}",
                format_percent(profile.far_by_robust_z / profile.n_known if profile.n_known else None),
            ),
        ]
    else:
        rows += [
            (value if len(value) <= 24 else value[:23] + "…", f"{count:,}")
            for value, count in list(profile.counts.items())[:CATEGORIES_LISTED]
        ]
    rows += [
        (f"{relation.measure} with the target", f"{relation.association:.2f}"),
        ("mutual information", f"{relation.mutual_information:.3f} nats"),
    ]
    return Table(("", ""), tuple(rows))


def _quantiles(profiles: Sequence[NumberProfile]) -> Table:
    return Table(
        ("Column", "mean", "sd", "minimum", "1%", "5%", "25%", "median", "75%", "95%", "99%", "maximum", "skewness"),
        tuple(
            (
                item.name,
                format_short(item.mean),
                format_short(item.sd),
                *(format_short(item.quantiles[level]) for level in ("0", "0.01", "0.05", "0.25", "0.5", "0.75", "0.95", "0.99", "1")),
                format_short(item.skewness),
            )
            for item in profiles
        ),
    )  # fmt: skip
