"""The sections of the study's page, in the order in which people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bundle.contract import Feature
from bundle.numbers import number_text
from training.config import ModelConfig
from training.study import plots
from training.study.drawing import percent, short
from training.study.findings import Studied
from training.study.page import Block, Card, Notice, Notices, Picture, Section, Table, Text, Tiles
from training.study.profile import ROBUST_Z_LIMIT, NumberProfile, Profile, robust_z
from training.study.relation import Relation, shown_classes

UNUSUAL_ROWS = 8
"""How many of the most unusual rows are listed."""
CATEGORIES_LISTED = 8
CARDS_LIMIT = 150
"""More features than this are in the tables only; their pictures would make the page heavier than a browser likes."""


def build(
    config: ModelConfig,
    studied: Studied,
    notices: Sequence[Notice],
    train: pd.DataFrame,
    test: pd.DataFrame,
    provenance: Mapping[str, str] | None,
) -> list[Section]:
    """Return the page's sections.

    Args:
        config: the model's config.
        studied: what was computed.
        notices: what it means, in words.
        train: training rows to draw, a sample where there are very many.
        test: test rows to draw, in the comparison alone.
        provenance: what is known of the data's origin; None for what the config says.
    """
    return [
        _overview(config, studied, provenance),
        _findings(notices),
        _target(config, studied, train),
        _features(config, studied, train),
        _missing(config, studied),
        _correlations(studied),
        _relations(studied),
        _outliers(studied, train),
        _split(config, studied, train, test),
    ]


def _overview(config: ModelConfig, studied: Studied, provenance: Mapping[str, str] | None) -> Section:
    types = [feature.type for feature in config.features]
    tiles = Tiles(
        (
            ("training rows", f"{studied.rows:,}"),
            ("features", f"{len(types)}"),
            ("numbers", f"{sum(kind in ('number', 'integer') for kind in types)}"),
            ("categories", f"{types.count('category')}"),
            ("booleans", f"{types.count('boolean')}"),
            ("missing cells", percent(float(np.mean(list(studied.missing.shares.values()))))),
            ("duplicate rows", f"{studied.duplicates:,}"),
        )
    )
    origin = dict(provenance) if provenance is not None else _source(config)
    blocks: list[Block] = [tiles]
    if origin:
        blocks.append(Table(("Provenance", ""), tuple(origin.items()), left=2))
    blocks.append(
        Table(
            ("Column", "Type", "Unit", "Distinct", "Missing", "Description"),
            tuple(
                (
                    feature.name,
                    feature.type,
                    feature.unit or "",
                    f"{profile.distinct:,}",
                    percent(profile.missing / profile.rows),
                    feature.description,
                )
                for feature, profile in zip(config.features, studied.profiles, strict=True)
            ),
            left=6,
        )
    )
    if config.drop:
        blocks.append(Table(("Left out", "Why"), tuple(config.drop.items()), left=2))
    return Section("Overview", tuple(blocks))


def _source(config: ModelConfig) -> dict[str, str]:
    if config.source is None:
        return {}
    said = {
        "Source": config.source.url,
        "SHA-256": config.source.sha256,
        "Licence": config.source.licence,
        "Citation": config.source.citation,
    }
    return {name: value for name, value in said.items() if value}


def _findings(notices: Sequence[Notice]) -> Section:
    if not notices:
        return Section("Findings", (Text("Nothing stands out."),))
    return Section("Findings", (Notices(tuple(notices)),))


def _target(config: ModelConfig, studied: Studied, train: pd.DataFrame) -> Section:
    values = train[config.target.name].to_numpy(dtype=np.float64)
    picture = Picture(
        plots.target_figure(config, studied.target, values, studied.spikes),
        f"Distribution of the target {config.target.name}",
    )
    blocks: list[Block] = [Text(config.target.description)] if config.target.description else []
    blocks.append(picture)
    if isinstance(studied.target, NumberProfile):
        blocks.append(_quantiles([studied.target]))
        if studied.spikes:
            rows = tuple(
                (f"{number_text(spike.value, grouped=True)}", f"{spike.rows:,}", percent(spike.share), spike.end)
                for spike in studied.spikes
            )
            blocks.append(
                Table(
                    ("Value", "Rows", "Share", "End of the range"),
                    rows,
                    caption="Values that are far more frequent than those near them.",
                )
            )
    else:
        counts = studied.target.counts
        smallest, largest = min(counts.values()), max(counts.values())
        blocks.append(
            Text(f"{len(counts)} classes; the largest has {largest / smallest:.1f} times the rows of the smallest.")
        )
    return Section("Target", tuple(blocks))


def _features(config: ModelConfig, studied: Studied, train: pd.DataFrame) -> Section:
    blocks: list[Block] = []
    if len(config.features) > CARDS_LIMIT:
        blocks.append(Text(f"The first {CARDS_LIMIT} of {len(config.features)} features are drawn."))
    every = zip(config.features, studied.profiles, studied.relations, strict=True)
    for feature, profile, relation in list(every)[:CARDS_LIMIT]:
        png = plots.feature_figure(feature, profile, train[feature.name].to_numpy(), relation, config)
        picture = Picture(png, f"Distribution of {feature.name}, and the target along it")
        blocks.append(Card(feature.name, _subtitle(feature), picture, _feature_table(profile, relation)))
    return Section("Features", tuple(blocks))


def _subtitle(feature: Feature) -> str:
    unit = f" in {feature.unit}" if feature.unit else ""
    return f"{feature.type}{unit}. {feature.description}".strip()


def _feature_table(profile: Profile, relation: Relation) -> Table:
    rows = [("missing", percent(profile.missing / profile.rows)), ("distinct", f"{profile.distinct:,}")]
    if isinstance(profile, NumberProfile):
        rows += [
            ("minimum", short(profile.quantiles["0"])),
            ("5%", short(profile.quantiles["0.05"])),
            ("median", short(profile.quantiles["0.5"])),
            ("mean", short(profile.mean)),
            ("95%", short(profile.quantiles["0.95"])),
            ("maximum", short(profile.quantiles["1"])),
            ("sd", short(profile.sd)),
            ("skewness", short(profile.skewness)),
            ("outside IQR fences", percent(profile.outside_fences / profile.known if profile.known else None)),
            (
                f"|robust z| > {ROBUST_Z_LIMIT}",
                percent(profile.far_by_robust_z / profile.known if profile.known else None),
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


def _missing(config: ModelConfig, studied: Studied) -> Section:
    missing = studied.missing
    if not any(missing.shares.values()):
        return Section("Missing values", (Text("No value is missing in the training part."),))
    classes = shown_classes(config)
    what = f"share of {classes[-1]}" if classes else f"mean {config.target.name}"
    blocks: list[Block] = [Picture(plots.missing_figure(missing.shares, missing.together), "Missing values by column")]
    if missing.by_target:
        factor = percent if classes else short
        blocks.append(
            Table(
                ("Column", "Missing rows", f"{what} where missing", f"{what} elsewhere", "p-value"),
                tuple(
                    (
                        item.name,
                        f"{item.missing:,}",
                        factor(item.where_missing),
                        factor(item.where_known),
                        f"{item.p_value:.2g}",
                    )
                    for item in missing.by_target
                ),
                marked=frozenset(place for place, item in enumerate(missing.by_target) if item.related),
                caption=(
                    f"Whether that a value is missing goes with the target: {'chi-square test' if classes else 'Welch t-test'},"
                    " Bonferroni-corrected; marked where chance does not explain it."
                ),
            )
        )
    return Section("Missing values", tuple(blocks))


def _correlations(studied: Studied) -> Section:
    blocks: list[Block] = []
    if len(studied.pearson) > 1:
        blocks.append(
            Picture(
                plots.correlation_figure(studied.pearson, studied.spearman),
                "Correlations of the numbers",
                "Numbers with each other. Pearson's r sees straight lines, Spearman's ρ any steady rise or fall.",
            )
        )
    if studied.associations.size:
        blocks.append(
            Picture(
                plots.association_figure(studied.associations),
                "Association of the categories",
                "Categories with each other (Cramér's V, bias-corrected) and with numbers (correlation ratio η).",
            )
        )
    return Section("Correlations", tuple(blocks) or (Text("There is one feature, so nothing to correlate."),))


def _relations(studied: Studied) -> Section:
    ordered = sorted(studied.relations, key=lambda relation: -relation.mutual_information)
    picture = Picture(plots.information_figure(studied.relations), "Mutual information of each feature with the target")
    table = Table(
        ("Feature", "Measure", "Association", "Mutual information (nats)"),
        tuple(
            (item.name, item.measure, f"{item.association:.3f}", f"{item.mutual_information:.3f}") for item in ordered
        ),
        left=2,
        caption=(
            "What each feature alone says of the target. How the target changes along a feature is drawn with the feature."
        ),
    )
    return Section("Relations to the target", (picture, table))


def _outliers(studied: Studied, train: pd.DataFrame) -> Section:
    numbers = [profile for profile in (*studied.profiles, studied.target) if isinstance(profile, NumberProfile)]
    shown = [profile for profile in numbers if profile.distinct > 1]
    if not shown:
        return Section("Outliers", (Text("There is no number that varies."),))
    scores = {item.name: robust_z(train[item.name].to_numpy(dtype=np.float64)) for item in shown}
    known = {name: values[np.isfinite(values)] for name, values in scores.items()}
    rows = tuple(
        (
            item.name,
            f"{short(item.fences[0])} … {short(item.fences[1])}",
            f"{item.outside_fences:,}",
            percent(item.outside_fences / item.known),
            f"{item.far_by_robust_z:,}",
            percent(item.far_by_robust_z / item.known),
        )
        for item in shown
    )
    blocks: list[Block] = [
        Picture(plots.outlier_figure(known), "Modified z-scores of the numbers"),
        Table(
            ("Column", "IQR fences", "outside", "share", f"|robust z| > {ROBUST_Z_LIMIT}", "share"),
            rows,
            caption=(
                "Fences: 1.5 interquartile ranges beyond the quartiles (Tukey). Robust z: distance from the median in"
                " median absolute deviations (Iglewicz and Hoaglin). A skewed column has many without being wrong."
            ),
        ),
        _unusual(scores, train),
    ]
    return Section("Outliers", tuple(blocks))


def _unusual(scores: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]], train: pd.DataFrame) -> Table:
    """List the rows that are farthest out in any column."""
    names = list(scores)
    table = np.nan_to_num(np.abs(np.column_stack(list(scores.values()))), nan=0.0)
    farthest = table.max(axis=1)
    rows = np.argsort(-farthest, kind="stable")[:UNUSUAL_ROWS]
    cells = []
    for row in rows.tolist():
        column = names[int(np.argmax(table[row]))]
        value = float(train[column].iloc[row])
        cells.append((f"{train.index[row]}", column, f"{number_text(value, grouped=True)}", f"{farthest[row]:.1f}"))
    return Table(
        ("Row", "Column", "Value", "|robust z|"),
        tuple(cells),
        left=2,
        caption="The rows that are farthest out in any one column; rows are counted from 0.",
    )


def _split(config: ModelConfig, studied: Studied, train: pd.DataFrame, test: pd.DataFrame) -> Section:
    rows = tuple(
        (
            item.name,
            f"{item.psi:.4f}",
            f"{item.psi_by_chance:.4f}",
            item.test,
            f"{item.p_value:.2g}",
            percent(item.missing_train),
            percent(item.missing_test),
        )
        for item in studied.comparisons
    )
    return Section(
        "Training and test part",
        (
            Text(
                "Whether the test part is like the training part. This is the only place where test rows are looked at"
                " before the model is fixed, and nothing is decided by it."
            ),
            Picture(
                plots.comparison_figure(config, studied.comparisons, train, test),
                "Distributions of each column in both parts",
                "Numbers as cumulative shares, categories as shares.",
            ),
            Table(
                ("Column", "PSI", "PSI by chance", "Test", "p-value", "missing, training", "missing, test"),
                rows,
                marked=frozenset(place for place, item in enumerate(studied.comparisons) if item.differs),
                caption=(
                    "PSI: population stability index over deciles or categories; by chance: its mean for two samples of"
                    " one source. p-values are Bonferroni-corrected over the columns."
                ),
            ),
        ),
    )


def _quantiles(profiles: Sequence[NumberProfile]) -> Table:
    return Table(
        ("Column", "mean", "sd", "minimum", "1%", "5%", "25%", "median", "75%", "95%", "99%", "maximum", "skewness"),
        tuple(
            (
                item.name,
                short(item.mean),
                short(item.sd),
                *(short(item.quantiles[level]) for level in ("0", "0.01", "0.05", "0.25", "0.5", "0.75", "0.95", "0.99", "1")),
                short(item.skewness),
            )
            for item in profiles
        ),
    )  # fmt: skip
