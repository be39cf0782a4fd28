"""The picture of a classification: ranking, calibration and confusion on the test part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import ConfusionMatrixDisplay, PrecisionRecallDisplay, RocCurveDisplay, confusion_matrix

from tabento.bundle.contract import label_key
from training.config import ModelConfig
from training.report.drawing import BLUE, CLASS_COLOURS, GREY, ORANGE, new_figure, save_png, style_axes
from training.studies.texts import truncate

_BINS = 10
_CLASSES_MAX = 8
"""The largest number of classes with curves, which is the number of colours; the first classes are drawn."""
_CELLS_MAX = 12
"""The largest number of classes of a confusion matrix with counts in its cells."""

Array = NDArray[np.float64]


def plot_classification(
    y_true: ArrayLike,
    answers: ArrayLike,
    config: ModelConfig,
    metrics: Mapping[str, float],
    path: Path,
    *,
    threshold: float | None = None,
) -> None:
    """Write a PNG with six panels on the test part.

    The panels: ROC curves, precision-recall curves, reliability, confusion matrix of the answered labels, probabilities by
    true class, and with two classes precision, recall and F1 by threshold, with more the recall of each class.

    Args:
        y_true: indices of the true classes, shape (N,).
        answers: shape (N, 1 + C): the label's index and the probabilities.
        config: the model's config, for names.
        metrics: the result of ``training.model.metrics.classification_metrics``.
        path: the file of the picture; its folder exists.
        threshold: the probability from which on the positive of two classes is answered; by default it is inferred from the
            answers.

    Raises:
        ValueError: the shapes differ, or the answers have no probabilities.
    """
    labels = [label_key(item.label) for item in config.target.classes or ()]
    classes, predictions = np.asarray(y_true, dtype=np.intp), np.asarray(answers, dtype=np.float64)
    if predictions.shape != (len(classes), 1 + len(labels)) or not len(classes):
        raise ValueError(
            f"expected answers of shape ({len(classes)}, {1 + len(labels)}), a label and {len(labels)} probabilities for"
            f" each row, got {predictions.shape}"
        )
    figure = new_figure(15, 9)
    panels = figure.subplots(2, 3)
    metric_names = {
        "roc_auc": "AUC",
        "average_precision": "average precision",
        "f1": "F1",
        "accuracy": "accuracy",
        "brier": "Brier",
    }
    figures = "  ·  ".join(f"{name} {metrics[key]:.3f}" for key, name in metric_names.items() if key in metrics)
    figure.suptitle(f"{config.title}: {len(classes):,} test rows\n{figures}", fontsize=13)
    curve_classes = [1] if len(labels) == 2 else list(range(len(labels)))[:_CLASSES_MAX]
    plotted_classes = [
        class_index for class_index in curve_classes if 0 < np.count_nonzero(classes == class_index) < len(classes)
    ]
    _draw_roc(panels[0, 0], classes, predictions, plotted_classes, labels)
    _draw_precision_recall(panels[0, 1], classes, predictions, plotted_classes, labels)
    _draw_reliability(panels[0, 2], classes, predictions, plotted_classes, labels)
    _draw_confusion(panels[1, 0], classes, predictions[:, 0].astype(np.intp), labels)
    if len(labels) == 2:
        shown_threshold = threshold if threshold is not None else _infer_threshold(predictions)
        _draw_histogram(panels[1, 1], classes, predictions[:, 2], labels, shown_threshold)
        _draw_threshold_curves(panels[1, 2], classes == 1, predictions[:, 2], labels[1], shown_threshold)
    else:
        _draw_true_probabilities(panels[1, 1], classes, predictions[:, 1:], labels)
        _draw_recalls(panels[1, 2], classes, predictions[:, 0].astype(np.intp), labels)
    save_png(figure, path)


def _infer_threshold(predictions: Array) -> float | None:
    """Return the probability that separates the answered labels of two classes; None if no probability does."""
    is_positive = predictions[:, 0] == 1
    if is_positive.all() or not is_positive.any():
        return None
    low, high = predictions[~is_positive, 2].max(), predictions[is_positive, 2].min()
    return float((low + high) / 2) if low <= high else None


def _write_placeholder(axes: Axes) -> None:
    axes.text(0.5, 0.5, "only one class occurs", ha="center", va="center", color=GREY, transform=axes.transAxes)


def _draw_roc(
    axes: Axes, classes: NDArray[np.intp], predictions: Array, plotted_classes: Sequence[int], labels: Sequence[str]
) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--")
    for class_index in plotted_classes:
        RocCurveDisplay.from_predictions(
            classes == class_index,
            predictions[:, 1 + class_index],
            name=truncate(labels[class_index]),
            ax=axes,
            curve_kwargs={"color": _colour(class_index), "linewidth": 2},
        )
    axes.set(title="ROC", xlabel="false positive rate", ylabel="true positive rate", xlim=(0, 1), ylim=(0, 1.01))
    _add_legend(axes, plotted_classes, "lower right")


def _draw_precision_recall(
    axes: Axes, classes: NDArray[np.intp], predictions: Array, plotted_classes: Sequence[int], labels: Sequence[str]
) -> None:
    for class_index in plotted_classes:
        PrecisionRecallDisplay.from_predictions(
            classes == class_index,
            predictions[:, 1 + class_index],
            name=truncate(labels[class_index]),
            ax=axes,
            curve_kwargs={"color": _colour(class_index), "linewidth": 2},
        )
        axes.axhline(float(np.mean(classes == class_index)), color=_colour(class_index), linewidth=0.8, linestyle=":")
    axes.set(
        title="Precision and recall; dotted: by chance",
        xlabel="recall",
        ylabel="precision",
        xlim=(0, 1),
        ylim=(0, 1.01),
    )
    _add_legend(axes, plotted_classes, "lower left")


def _draw_reliability(
    axes: Axes, classes: NDArray[np.intp], predictions: Array, plotted_classes: Sequence[int], labels: Sequence[str]
) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--")
    edges = np.linspace(0, 1, _BINS + 1)
    for class_index in plotted_classes:
        probability = predictions[:, 1 + class_index]
        bins = np.clip(np.searchsorted(edges, probability, side="right") - 1, 0, _BINS - 1)
        filled_bins = [place for place in range(_BINS) if (bins == place).any()]
        means = [probability[bins == place].mean() for place in filled_bins]
        shares = [(classes == class_index)[bins == place].mean() for place in filled_bins]
        sizes = [12 + 180 * float(np.mean(bins == place)) for place in filled_bins]
        axes.plot(means, shares, color=_colour(class_index), linewidth=1.4)
        axes.scatter(means, shares, s=sizes, color=_colour(class_index), label=truncate(labels[class_index]), zorder=3)
    axes.set(
        title="Reliability; the larger the dot, the more rows", xlabel="mean probability", ylabel="observed frequency"
    )
    axes.set(xlim=(0, 1), ylim=(0, 1.03))
    _add_legend(axes, plotted_classes, "upper left")


def _draw_confusion(axes: Axes, classes: NDArray[np.intp], predicted: NDArray[np.intp], labels: Sequence[str]) -> None:
    """Draw the counts of each answered label by true class; the shade is the share of the true class."""
    class_indices = range(len(labels))
    table = confusion_matrix(classes, predicted, labels=class_indices)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    display = ConfusionMatrixDisplay(shares, display_labels=[truncate(label, 14) for label in labels])
    display.plot(
        ax=axes,
        cmap="Blues",
        colorbar=False,
        im_kw={"vmin": 0, "vmax": 1},
        include_values=len(labels) <= _CELLS_MAX,
        xticks_rotation=30 if len(labels) > 3 else 0,
    )
    for cell, text in np.ndenumerate(display.text_ if display.text_ is not None else np.empty(0)):
        text.set_text(f"{table[cell]:,}\n{shares[cell]:.0%}")
    axes.set(title="Answers by true class", xlabel="answered", ylabel="true")


def _draw_histogram(
    axes: Axes, classes: NDArray[np.intp], probability: Array, labels: Sequence[str], threshold: float | None
) -> None:
    """Draw the distribution of the probability in each class as shares, so that a rare class is visible as well."""
    bins = np.linspace(0, 1, 31).tolist()
    for class_index, label in enumerate(labels):
        values = probability[classes == class_index]
        if len(values):
            weights = np.full(len(values), 100 / len(values))
            axes.hist(
                values,
                bins=bins,
                weights=weights,
                color=_colour(class_index),
                alpha=0.55,
                label=f"{truncate(label)} ({len(values):,})",
            )
    _draw_threshold(axes, threshold)
    axes.set(
        title="Probability by true class",
        xlabel=f"probability of {truncate(labels[1])}",
        ylabel="share of the class (%)",
    )
    axes.legend(frameon=False, loc="upper right")
    style_axes(axes)


def _draw_threshold_curves(
    axes: Axes, is_positive: NDArray[np.bool_], probability: Array, label: str, threshold: float | None
) -> None:
    """Draw precision, recall and F1 by threshold on these rows; the model's threshold was chosen on training rows."""
    thresholds = np.linspace(0.01, 0.99, 99)
    predicted_positive = probability[np.newaxis, :] >= thresholds[:, np.newaxis]
    hits = (predicted_positive & is_positive).sum(axis=1)
    recall = hits / max(int(is_positive.sum()), 1)
    precision = np.divide(
        hits,
        predicted_positive.sum(axis=1),
        out=np.full(len(thresholds), np.nan),
        where=predicted_positive.sum(axis=1) > 0,
    )
    f1 = 2 * hits / np.maximum(predicted_positive.sum(axis=1) + is_positive.sum(), 1)
    for values, name, colour in ((precision, "precision", BLUE), (recall, "recall", "#2f855a"), (f1, "F1", ORANGE)):
        axes.plot(thresholds, values, color=colour, linewidth=1.8, label=name)
    _draw_threshold(axes, threshold)
    axes.set(
        title=f"By threshold of {truncate(label)}",
        xlabel="threshold",
        ylabel="on the test rows",
        xlim=(0, 1),
        ylim=(0, 1.01),
    )
    axes.legend(frameon=False, loc="upper right")
    style_axes(axes)


def _draw_threshold(axes: Axes, threshold: float | None) -> None:
    if threshold is not None:
        axes.axvline(threshold, color=GREY, linewidth=1.2, linestyle="--", label=f"threshold about {threshold:.2f}")


def _draw_true_probabilities(axes: Axes, classes: NDArray[np.intp], shares: Array, labels: Sequence[str]) -> None:
    """Draw the distribution of the true class's probability, class by class."""
    values = [shares[classes == class_index, class_index] for class_index in range(len(labels))]
    present_classes = [class_index for class_index in range(len(labels)) if len(values[class_index])]
    axes.boxplot([values[class_index] for class_index in present_classes], orientation="horizontal", showfliers=False)
    axes.set_yticks(
        range(1, len(present_classes) + 1),
        [f"{truncate(labels[class_index], 14)} ({len(values[class_index]):,})" for class_index in present_classes],
    )
    axes.set(title="Probability of the true class", xlabel="probability", xlim=(0, 1))
    style_axes(axes)


def _draw_recalls(axes: Axes, classes: NDArray[np.intp], predicted: NDArray[np.intp], labels: Sequence[str]) -> None:
    """Draw the recall of each class."""
    present_classes = [class_index for class_index in range(len(labels)) if (classes == class_index).any()]
    recalls = [float(np.mean(predicted[classes == class_index] == class_index)) for class_index in present_classes]
    bars = axes.barh(
        range(len(present_classes)), recalls, color=[_colour(class_index) for class_index in present_classes]
    )
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.set_yticks(range(len(present_classes)), [truncate(labels[class_index], 14) for class_index in present_classes])
    axes.set(title="Recall of each class", xlabel="share of its rows with the right label", xlim=(0, 1.1))
    style_axes(axes)


def _colour(class_index: int) -> str:
    return (BLUE, ORANGE, *CLASS_COLOURS[2:])[class_index % len(CLASS_COLOURS)]


def _add_legend(axes: Axes, plotted_classes: Sequence[int], place: str) -> None:
    if plotted_classes:
        axes.legend(frameon=False, loc=place, fontsize=9)
    else:
        _write_placeholder(axes)
    style_axes(axes)
