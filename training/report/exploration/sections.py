"""The sections of the study's page, in the order of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tabento.bundle.numbers import number_text
from training.config import ModelConfig
from training.report.exploration import dataset_plots, split_plots
from training.report.exploration.column_sections import features_section, target_section
from training.report.page import Block, Notices, Picture, Section, Table, Text, Tiles
from training.studies.exploration.profile import ROBUST_Z_LIMIT, NumberProfile, robust_z
from training.studies.exploration.relation import shown_classes
from training.studies.exploration.study import StudyData
from training.studies.texts import Notice, format_percent, format_short

UNUSUAL_ROWS = 8
"""The number of listed unusual rows."""


def build(
    config: ModelConfig,
    study: StudyData,
    notices: Sequence[Notice],
    train: pd.DataFrame,
    test: pd.DataFrame,
    provenance: Mapping[str, str] | None,
) -> list[Section]:
    """Return the page's sections.

    Args:
        config: the model's config.
        studied: the results of the study.
        notices: the findings.
        train: the plotted training rows, a sample if there are very many.
        test: the plotted test rows, for the comparison only.
        provenance: the origin of the data; None for the source of the config.
    """
    return [
        _overview(config, study, provenance),
        _findings(notices),
        target_section(config, study, train),
        features_section(config, study, train),
        _missing(config, study),
        _correlations(study),
        _relations(study),
        _outliers(study, train),
        _split(config, study, train, test),
    ]


def _overview(config: ModelConfig, study: StudyData, provenance: Mapping[str, str] | None) -> Section:
    types = [feature.type for feature in config.features]
    tiles = Tiles(
        (
            ("training rows", f"{study.rows:,}"),
            ("features", f"{len(types)}"),
            ("numbers", f"{sum(kind in ('number', 'integer') for kind in types)}"),
            ("categories", f"{types.count('category')}"),
            ("booleans", f"{types.count('boolean')}"),
            ("missing cells", format_percent(float(np.mean(list(study.missing.shares.values()))))),
            ("duplicate rows", f"{study.duplicates:,}"),
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
                    format_percent(profile.missing / profile.rows),
                    feature.description,
                )
                for feature, profile in zip(config.features, study.profiles, strict=True)
            ),
            left=6,
        )
    )
    if config.drop:
        blocks.append(Table(("Dropped column", "Reason"), tuple(config.drop.items()), left=2))
    return Section("Overview", tuple(blocks))


def _source(config: ModelConfig) -> dict[str, str]:
    if config.source is None:
        return {}
    origin = {
        "Source": config.source.url,
        "SHA-256": config.source.sha256,
        "Licence": config.source.licence,
        "Citation": config.source.citation,
    }
    return {name: value for name, value in origin.items() if value}


def _findings(notices: Sequence[Notice]) -> Section:
    if not notices:
        return Section("Findings", (Text("No finding."),))
    return Section("Findings", (Notices(tuple(notices)),))


def _missing(config: ModelConfig, study: StudyData) -> Section:
    missing = study.missing
    if not any(missing.shares.values()):
        return Section("Missing values", (Text("No value is missing in the training part."),))
    classes = shown_classes(config)
    target_label = f"share of {classes[-1]}" if classes else f"mean {config.target.name}"
    blocks: list[Block] = [
        Picture(dataset_plots.missing_figure(missing.shares, missing.jaccard_index), "Missing values by column")
    ]
    if missing.by_target:
        format_target = format_percent if classes else format_short
        blocks.append(
            Table(
                ("Column", "Missing rows", f"{target_label} where missing", f"{target_label} elsewhere", "p-value"),
                tuple(
                    (
                        item.name,
                        f"{item.missing:,}",
                        format_target(item.where_missing),
                        format_target(item.where_known),
                        f"{item.p_value:.2g}",
                    )
                    for item in missing.by_target
                ),
                marked=frozenset(place for place, item in enumerate(missing.by_target) if item.related),
                caption=(
                    f"Relation between a missing value and the target: {'chi-square test' if classes else 'Welch t-test'},"
                    " Bonferroni-corrected; marked if significant."
                ),
            )
        )
    return Section("Missing values", tuple(blocks))


def _correlations(study: StudyData) -> Section:
    blocks: list[Block] = []
    if len(study.pearson) > 1:
        blocks.append(
            Picture(
                dataset_plots.correlation_figure(study.pearson, study.spearman),
                "Correlations of the numbers",
                "Numbers with each other. Pearson's r measures linear relations, Spearman's ρ any monotonic relation.",
            )
        )
    if study.associations.size:
        blocks.append(
            Picture(
                dataset_plots.association_figure(study.associations),
                "Association of the categories",
                "Categories with each other (Cramér's V, bias-corrected) and with numbers (correlation ratio η).",
            )
        )
    return Section("Correlations", tuple(blocks) or (Text("There is only one feature, so there are no correlations."),))


def _relations(study: StudyData) -> Section:
    ordered = sorted(study.relations, key=lambda relation: -relation.mutual_information)
    picture = Picture(
        dataset_plots.information_figure(study.relations), "Mutual information of each feature with the target"
    )
    table = Table(
        ("Feature", "Measure", "Association", "Mutual information (nats)"),
        tuple(
            (item.name, item.measure, f"{item.association:.3f}", f"{item.mutual_information:.3f}") for item in ordered
        ),
        left=2,
        caption=(
            "The association of each single feature with the target. The section of the features plots the target along each feature."
        ),
    )
    return Section("Relations to the target", (picture, table))


def _outliers(study: StudyData, train: pd.DataFrame) -> Section:
    numbers = [profile for profile in (*study.profiles, study.target) if isinstance(profile, NumberProfile)]
    varying_numbers = [profile for profile in numbers if profile.distinct > 1]
    if not varying_numbers:
        return Section("Outliers", (Text("No column of numbers varies."),))
    scores = {item.name: robust_z(train[item.name].to_numpy(dtype=np.float64)) for item in varying_numbers}
    finite_scores = {name: values[np.isfinite(values)] for name, values in scores.items()}
    rows = tuple(
        (
            item.name,
            f"{format_short(item.fences[0])} … {format_short(item.fences[1])}",
            f"{item.outside_fences:,}",
            format_percent(item.outside_fences / item.n_known),
            f"{item.far_by_robust_z:,}",
            format_percent(item.far_by_robust_z / item.n_known),
        )
        for item in varying_numbers
    )
    blocks: list[Block] = [
        Picture(dataset_plots.outlier_figure(finite_scores), "Modified z-scores of the numbers"),
        Table(
            ("Column", "IQR fences", "outside", "share", f"|robust z| > {ROBUST_Z_LIMIT}", "share"),
            rows,
            caption=(
                "Fences: 1.5 interquartile ranges beyond the quartiles (Tukey). Robust z: distance from the median in"
                " median absolute deviations (Iglewicz and Hoaglin). A skewed column has many outliers without errors."
            ),
        ),
        _unusual(scores, train),
    ]
    return Section("Outliers", tuple(blocks))


def _unusual(scores: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]], train: pd.DataFrame) -> Table:
    """List the rows with the largest robust z in any column."""
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
        caption="The rows with the largest robust z in any column; rows are counted from 0.",
    )


def _split(config: ModelConfig, study: StudyData, train: pd.DataFrame, test: pd.DataFrame) -> Section:
    rows = tuple(
        (
            item.name,
            f"{item.psi:.4f}",
            f"{item.psi_by_chance:.4f}",
            item.test,
            f"{item.p_value:.2g}",
            format_percent(item.missing_train),
            format_percent(item.missing_test),
        )
        for item in study.comparisons
    )
    return Section(
        "Training and test part",
        (
            Text(
                "The distributions of the test part and the training part. Before the model is fixed, this is the only section"
                " that reads test rows, and it decides nothing."
            ),
            Picture(
                split_plots.comparison_figure(config, study.comparisons, train, test),
                "Distributions of each column in both parts",
                "Numbers as cumulative shares, categories as shares.",
            ),
            Table(
                ("Column", "PSI", "PSI by chance", "Test", "p-value", "missing, training", "missing, test"),
                rows,
                marked=frozenset(place for place, item in enumerate(study.comparisons) if item.differs),
                caption=(
                    "PSI: population stability index over deciles or categories; by chance: its mean for two samples of"
                    " one distribution. p-values are Bonferroni-corrected over the columns."
                ),
            ),
        ),
    )
