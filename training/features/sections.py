"""The sections of the feature studies' page, in the order in which they were decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from training.config import Decisions, ModelConfig
from training.features import plots
from training.features.clusters import ClusterStudy
from training.features.columns import ColumnStudy
from training.features.imputation import ImputationStudy
from training.features.judge import Judge
from training.features.scores import Key, Score, best_of, difference_error
from training.metric_names import name_of
from training.study.drawing import short
from training.study.page import Block, Notice, Notices, Picture, Section, Table, Text

Pictures = dict[str, bytes]
"""PNGs by the name of their file."""


def draw(
    config: ModelConfig, imputation: ImputationStudy | None, clusters: ClusterStudy | None, columns: ColumnStudy | None
) -> Pictures:
    """Draw every picture of the studies that took place."""
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
    judge: Judge,
    before: Decisions,
    after: Decisions,
    imputation: ImputationStudy | None,
    clusters: ClusterStudy | None,
    columns: ColumnStudy | None,
    pictures: Pictures,
) -> list[Section]:
    """Return the page's sections.

    Args:
        judge: what everything was judged with.
        before: what was decided before the studies.
        after: what is decided now.
        imputation: the imputation study, None where it did not take place; likewise the others.
        clusters: the cluster study.
        columns: the column study.
        pictures: from ``draw``.
    """
    return [
        _decisions(judge, before, after, imputation, clusters, columns),
        Section("Imputation", tuple(_imputation(judge.config, imputation, pictures))),
        Section("Clusters", tuple(_clusters(clusters, pictures))),
        Section("Features", tuple(_columns(columns, pictures))),
    ]


def _decisions(
    judge: Judge,
    before: Decisions,
    after: Decisions,
    imputation: ImputationStudy | None,
    clusters: ClusterStudy | None,
    columns: ColumnStudy | None,
) -> Section:
    def columns_in_words(names: Sequence[str]) -> str:
        return f"{len(names)}: {', '.join(names)}"

    cells = [
        ("imputation", before.impute, imputation.best if imputation else "–", after.impute, imputation),
        (
            "clusters",
            str(before.n_clusters or "–"),
            str(clusters.best) if clusters else "–",
            str(after.n_clusters or "–"),
            clusters,
        ),
        (
            "features",
            columns_in_words(before.columns),
            columns_in_words(columns.best) if columns else "–",
            columns_in_words(after.columns),
            columns,
        ),
    ]
    table = Table(
        ("", "before", "the study would take", "used from now on", ""),
        tuple((*row[:4], "pinned by the config" if row[4] is not None and row[4].pinned else "") for row in cells),
        left=5,
    )
    text = Text(
        f"Decided on {len(judge.frame):,} training rows by {name_of(judge.metric)} in cross-validation with"
        f" {len(judge.folds)} folds, inside the training part. Of candidates that lie within one standard error of the"
        " best, the simplest is taken: the error of the difference from the best, fold by fold."
    )
    if judge.estimator != before.estimator:
        kind, first = before.estimator.kind, judge.estimator.kind
        text = Text(f"{text.text} The {kind} is judged by its first member, {first}, which is much quicker to fit.")
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
                f" {study.chosen} stays. What an imputation would do when values go missing is shown all the same."
            )
        )
    blocks.append(Picture(pictures["imputation.png"], "Imputations compared"))
    refused = [Notice("note", f"{name}: {item.refusal}") for name, item in study.figures.items() if item.refusal]
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
            marked=frozenset(at for at, name in enumerate(study.figures) if name == study.chosen),
            caption=(
                f"{config.studies.masked_share:.0%} of the known values were hidden at random and filled in by an"
                " imputation that was fitted on other rows. The marked one is used."
            ),
        )
    )
    if refused:
        blocks.append(Notices(tuple(refused)))
    blocks += _pinned(study.pinned, study.best == study.chosen, study.chosen, study.best)
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
                    short(item.inertia),
                    _mean(item.score),
                    _error(study.metric, item.score, scores),
                )
                for number, item in study.figures.items()
            ),
            marked=frozenset(at for at, number in enumerate(study.figures) if number == study.chosen),
            caption=(
                f"Clusters of {', '.join(study.columns)}. The first three figures tell how well the places fall into"
                " clusters; the model's score decides. The marked number is used."
            ),
        ),
    ]
    if study.skipped:
        blocks.append(
            Text(f"Left out, because a fold has too few distinct places: {', '.join(map(str, study.skipped))}.")
        )
    blocks += _pinned(study.pinned, study.best == study.chosen, str(study.chosen), str(study.best))
    return blocks


def _columns(study: ColumnStudy | None, pictures: Pictures) -> list[Block]:
    if study is None:
        return [Text("The model has one feature, so there is nothing to leave out.")]
    method = (
        "exactly, on the trees"
        if study.attribution.method == "trees"
        else "by exchanging features with those of other rows"
    )
    blocks: list[Block] = [
        Picture(
            pictures["importance.png"],
            "Importance of the features",
            f"Mean and one standard error over the folds, on rows that the model has not seen. SHAP values are computed"
            f" {method}; ratios and clusters count for the features that they are made from. Pale: left out.",
        ),
        Picture(
            pictures["shap.png"],
            "SHAP values of single rows",
            "Rows of the first fold, one point each; grey: the value is missing, or a category.",
        ),
        Picture(
            pictures["columns.png"],
            "Score by number of features",
            "The band is one standard error of the difference from the best, fold by fold. The features are ranked anew within each fold, so the curve judges the"
            " ranking as well.",
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
            marked=frozenset(at for at, name in enumerate(study.importance) if name not in study.chosen),
            caption=f"Permutation: how much worse {name_of(study.metric)} gets. Marked: left out of the model.",
        ),
        Table(
            ("Features", name_of(study.metric), "± against the best"),
            tuple(
                (str(size), _mean(score), _error(study.metric, score, study.curve))
                for size, score in study.curve.items()
            ),
            marked=frozenset(at for at, size in enumerate(study.curve) if size == len(study.best)),
            caption="Marked: the fewest features within one standard error of the best.",
        ),
    ]
    blocks += _pinned(
        study.pinned, study.best == study.chosen, f"{len(study.chosen)} features", f"{len(study.best)} features"
    )
    return blocks


def _pinned(pinned: bool, agrees: bool, chosen: str, best: str) -> list[Block]:
    if not pinned:
        return []
    rest = "the study agrees" if agrees else f"the study would have taken {best}"
    return [Notices((Notice("note", f"Pinned by the config (`studies.pin`): it stays at {chosen}; {rest}."),))]


def _mean(score: Score | None) -> str:
    return "–" if score is None else f"{score.mean:,.5g}"


def _error(metric: str, score: Score | None, scores: Mapping[Key, Score]) -> str:
    return "–" if score is None else f"{difference_error(score, scores[best_of(metric, scores)]):.2g}"
