"""The sections of the feature studies' page, in the order of the decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from training.config import Decisions, ModelConfig
from training.config.metric_names import name_of
from training.report.features import plots
from training.report.page import Block, Notices, Picture, Section, Table, Text
from training.studies.features.clusters import ClusterStudy
from training.studies.features.columns import ColumnStudy
from training.studies.features.evaluation import FeatureEvaluation
from training.studies.features.imputation import ImputationStudy
from training.studies.features.scores import Key, Score, best_of, difference_error
from training.studies.texts import Notice, format_short

Pictures = dict[str, bytes]
"""PNGs by file name."""


def draw(
    config: ModelConfig, imputation: ImputationStudy | None, clusters: ClusterStudy | None, columns: ColumnStudy | None
) -> Pictures:
    """Draw every picture of the studies that ran."""
    pictures: Pictures = {}
    if imputation:
        pictures["imputation.png"] = plots.imputation_figure(config, imputation)
    if clusters:
        pictures["clusters.png"] = plots.cluster_figure(config, clusters)
    if columns:
        pictures["importance.png"] = plots.importance_figure(config, columns)
        pictures["shap.png"] = plots.shap_figure(config, columns)
        pictures["columns.png"] = plots.curve_figure(config, columns)
    return pictures


def build(
    evaluation: FeatureEvaluation,
    previous_decisions: Decisions,
    new_decisions: Decisions,
    imputation: ImputationStudy | None,
    clusters: ClusterStudy | None,
    columns: ColumnStudy | None,
    pictures: Pictures,
) -> list[Section]:
    """Return the page's sections.

    Args:
        evaluation: the evaluation of all candidates.
        before: the decisions before the studies.
        after: the decisions after the studies.
        imputation: the imputation study, or None if it was skipped; likewise the other studies.
        clusters: the cluster study.
        columns: the column study.
        pictures: from ``draw``.
    """
    return [
        _decisions(evaluation, previous_decisions, new_decisions, imputation, clusters, columns),
        Section("Imputation", tuple(_imputation(evaluation.config, imputation, pictures))),
        Section("Clusters", tuple(_clusters(clusters, pictures))),
        Section("Features", tuple(_columns(columns, pictures))),
    ]


def _decisions(
    evaluation: FeatureEvaluation,
    previous_decisions: Decisions,
    new_decisions: Decisions,
    imputation: ImputationStudy | None,
    clusters: ClusterStudy | None,
    columns: ColumnStudy | None,
) -> Section:
    def columns_text(names: Sequence[str]) -> str:
        return f"{len(names)}: {', '.join(names)}"

    table_rows = [
        (
            "imputation",
            previous_decisions.impute,
            imputation.best if imputation else "–",
            new_decisions.impute,
            imputation,
        ),
        (
            "clusters",
            str(previous_decisions.n_clusters or "–"),
            str(clusters.best) if clusters else "–",
            str(new_decisions.n_clusters or "–"),
            clusters,
        ),
        (
            "features",
            columns_text(previous_decisions.columns),
            columns_text(columns.best) if columns else "–",
            columns_text(new_decisions.columns),
            columns,
        ),
    ]
    table = Table(
        ("", "before", "choice of the study", "used from now on", ""),
        tuple((*row[:4], "pinned by the config" if row[4] is not None and row[4].pinned else "") for row in table_rows),
        left=5,
    )
    text = Text(
        f"Decided on {len(evaluation.frame):,} training rows by {name_of(evaluation.metric)} in cross-validation with"
        f" {len(evaluation.folds)} folds, inside the training part. Of candidates within one standard error of the"
        " best, the simplest is chosen: the error of the difference from the best, fold by fold."
    )
    if evaluation.estimator != previous_decisions.estimator:
        kind, first = previous_decisions.estimator.kind, evaluation.estimator.kind
        text = Text(f"{text.text} The {kind} is represented by its first member, {first}, which is much faster to fit.")
    return Section("Decisions", (text, table))


def _imputation(config: ModelConfig, study: ImputationStudy | None, pictures: Pictures) -> list[Block]:
    if study is None:
        return [Text("The model uses no numbers, so there is nothing to impute.")]
    blocks: list[Block] = []
    scores = {name: item.score for name, item in study.figures.items() if item.score is not None}
    if not study.missing:
        blocks.append(
            Text(
                "No number is missing in the rows that were studied, so the model is the same with each imputation and"
                f" {study.chosen} stays. The effect of each imputation on missing values is shown anyway."
            )
        )
    blocks.append(Picture(pictures["imputation.png"], "Imputations compared"))
    refusals = [Notice("note", f"{name}: {item.refusal}") for name, item in study.figures.items() if item.refusal]
    blocks.append(
        Table(
            (
                "Imputation",
                "Hidden values, RMSE in sd",
                name_of(study.metric),
                "± one standard error",
                "can be exported",
            ),
            tuple(
                (
                    name,
                    f"{item.masked_rmse_overall:.3f}",
                    _mean(item.score),
                    _error(study.metric, item.score, scores),
                    "no" if item.refusal else "yes",
                )
                for name, item in study.figures.items()
            ),
            marked=frozenset(index for index, name in enumerate(study.figures) if name == study.chosen),
            caption=(
                f"{config.studies.masked_share:.0%} of the present values were hidden at random and filled in by an"
                " imputation that was fitted on other rows. The marked one is used."
            ),
        )
    )
    if refusals:
        blocks.append(Notices(tuple(refusals)))
    blocks += _pin_notice(study.pinned, study.best == study.chosen, study.chosen, study.best)
    return blocks


def _clusters(study: ClusterStudy | None, pictures: Pictures) -> list[Block]:
    if study is None:
        return [Text("The model has no clusters.")]
    scores = {number: item.score for number, item in study.figures.items()}
    blocks: list[Block] = [
        Picture(pictures["clusters.png"], "Numbers of clusters compared"),
        Table(
            ("Clusters", "Silhouette", "Davies-Bouldin", "Inertia", name_of(study.metric), "± against the best"),
            tuple(
                (
                    str(number),
                    f"{item.silhouette:.3f}",
                    f"{item.davies_bouldin:.3f}",
                    format_short(item.inertia),
                    _mean(item.score),
                    _error(study.metric, item.score, scores),
                )
                for number, item in study.figures.items()
            ),
            marked=frozenset(index for index, number in enumerate(study.figures) if number == study.chosen),
            caption=(
                f"Clusters of {', '.join(study.columns)}. The first three columns measure how well the places form"
                " clusters; the model's score decides. The marked number is used."
            ),
        ),
    ]
    if study.skipped:
        blocks.append(
            Text(f"Skipped, because a fold has too few distinct places: {', '.join(map(str, study.skipped))}.")
        )
    blocks += _pin_notice(study.pinned, study.best == study.chosen, str(study.chosen), str(study.best))
    return blocks


def _columns(study: ColumnStudy | None, pictures: Pictures) -> list[Block]:
    if study is None:
        return [Text("The model has one feature, so no feature can be dropped.")]
    method = (
        "exactly, on the trees" if study.attribution.method == "trees" else "by exchanging features with other rows"
    )
    blocks: list[Block] = [
        Picture(
            pictures["importance.png"],
            "Importance of the features",
            f"Mean and one standard error over the folds, on held-out rows. SHAP values are computed"
            f" {method}; ratios and clusters count for their source features. Pale: dropped.",
        ),
        Picture(
            pictures["shap.png"],
            "SHAP values of single rows",
            "Rows of the first fold, one point each; grey: the value is missing, or a category.",
        ),
        Picture(
            pictures["columns.png"],
            "Score by number of features",
            "The band is one standard error of the difference from the best, fold by fold. Each fold ranks the features itself, so the curve includes the uncertainty of the"
            " ranking.",
        ),
        Table(
            ("Feature", "mean rank", "permutation", "± one standard error", "mean |SHAP|", "kept"),
            tuple(
                (
                    name,
                    f"{item.rank:.1f}",
                    f"{item.permutation.mean:,.4g}",
                    f"{item.permutation.standard_error:.2g}",
                    f"{item.shap.mean:,.4g}",
                    "yes" if name in study.chosen else "no",
                )
                for name, item in study.importance.items()
            ),
            marked=frozenset(index for index, name in enumerate(study.importance) if name not in study.chosen),
            caption=f"Permutation: the loss of {name_of(study.metric)}. Marked: dropped from the model.",
        ),
        Table(
            ("Features", name_of(study.metric), "± against the best"),
            tuple(
                (str(size), _mean(score), _error(study.metric, score, study.curve))
                for size, score in study.curve.items()
            ),
            marked=frozenset(index for index, size in enumerate(study.curve) if size == len(study.best)),
            caption="Marked: the fewest features within one standard error of the best.",
        ),
    ]
    blocks += _pin_notice(
        study.pinned, study.best == study.chosen, f"{len(study.chosen)} features", f"{len(study.best)} features"
    )
    return blocks


def _pin_notice(is_pinned: bool, agrees: bool, pinned_value: str, best: str) -> list[Block]:
    if not is_pinned:
        return []
    agreement = "the study agrees" if agrees else f"the choice of the study is {best}"
    return [
        Notices((Notice("note", f"Pinned by the config (`studies.pin`): the value is {pinned_value}; {agreement}."),))
    ]


def _mean(score: Score | None) -> str:
    return "–" if score is None else f"{score.mean:,.5g}"


def _error(metric: str, score: Score | None, scores: Mapping[Key, Score]) -> str:
    return "–" if score is None else f"{difference_error(score, scores[best_of(metric, scores)]):.2g}"
