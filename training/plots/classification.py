"""The picture of a classification: how well it ranks, how far its probabilities can be believed, what it confuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from bundle.contract import label_key
from training.config import ModelConfig
from training.study.drawing import BLUE, CLASS_COLOURS, DPI, GREY, ORANGE, cut, new_figure, tidy

_BINS = 10
_CLASSES_MAX = 8
"""More curves than there are colours cannot be told apart; the first of them are drawn."""
_CELLS_MAX = 12
"""In a larger confusion matrix the counts cannot be read and are left out."""

Array = NDArray[np.float64]


def plot_classification(
    truth: ArrayLike,
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
        truth: indices of classes, shape (N,).
        answers: shape (N, 1 + C): the label's index and the probabilities.
        config: the model's config, for names.
        metrics: what ``training.metrics.classification_metrics`` says of them.
        path: where the picture goes; its folder must be there.
        threshold: from which probability on the positive of two classes is answered; where it is not given it is read
            off the answers.

    Raises:
        ValueError: the shapes do not fit each other, or there are no probabilities.
    """
    labels = [label_key(item.label) for item in config.target.classes or ()]
    index, given = np.asarray(truth, dtype=np.intp), np.asarray(answers, dtype=np.float64)
    if given.shape != (len(index), 1 + len(labels)) or not len(index):
        raise ValueError(
            f"expected answers of shape ({len(index)}, {1 + len(labels)}), a label and {len(labels)} probabilities for"
            f" each row, got {given.shape}"
        )
    figure = new_figure(15, 9)
    panels = figure.subplots(2, 3)
    known = {
        "roc_auc": "AUC",
        "average_precision": "average precision",
        "f1": "F1",
        "accuracy": "accuracy",
        "brier": "Brier",
    }
    figures = "  ·  ".join(f"{name} {metrics[key]:.3f}" for key, name in known.items() if key in metrics)
    figure.suptitle(f"{config.title}: {len(index):,} test rows\n{figures}", fontsize=13)
    asked = [1] if len(labels) == 2 else list(range(len(labels)))[:_CLASSES_MAX]
    drawn = [of for of in asked if 0 < np.count_nonzero(index == of) < len(index)]
    _roc(panels[0, 0], index, given, drawn, labels)
    _precision_recall(panels[0, 1], index, given, drawn, labels)
    _reliability(panels[0, 2], index, given, drawn, labels)
    _confusion(panels[1, 0], index, given[:, 0].astype(np.intp), labels)
    if len(labels) == 2:
        cutting = threshold if threshold is not None else _seen_threshold(given)
        _histogram(panels[1, 1], index, given[:, 2], labels, cutting)
        _thresholds(panels[1, 2], index == 1, given[:, 2], labels[1], cutting)
    else:
        _true_probabilities(panels[1, 1], index, given[:, 1:], labels)
        _recalls(panels[1, 2], index, given[:, 0].astype(np.intp), labels)
    figure.savefig(path, dpi=DPI, format="png")


def _seen_threshold(given: Array) -> float | None:
    """Return the probability between the answered labels of two classes; None where they do not part at one."""
    said = given[:, 0] == 1
    if said.all() or not said.any():
        return None
    low, high = given[~said, 2].max(), given[said, 2].min()
    return float((low + high) / 2) if low <= high else None


def _nothing(axes: Axes) -> None:
    axes.text(0.5, 0.5, "only one class occurs", ha="center", va="center", color=GREY, transform=axes.transAxes)


def _roc(axes: Axes, index: NDArray[np.intp], given: Array, drawn: Sequence[int], labels: Sequence[str]) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--")
    for of in drawn:
        false, true, _ = roc_curve(index == of, given[:, 1 + of])
        area = roc_auc_score(index == of, given[:, 1 + of])
        axes.plot(false, true, color=_colour(of), linewidth=2, label=f"{cut(labels[of])}, area {area:.3f}")
    axes.set(title="ROC", xlabel="false positive rate", ylabel="true positive rate", xlim=(0, 1), ylim=(0, 1.01))
    _finish(axes, drawn, "lower right")


def _precision_recall(
    axes: Axes, index: NDArray[np.intp], given: Array, drawn: Sequence[int], labels: Sequence[str]
) -> None:
    for of in drawn:
        precision, recall, _ = precision_recall_curve(index == of, given[:, 1 + of])
        area = average_precision_score(index == of, given[:, 1 + of])
        axes.step(
            recall, precision, where="post", color=_colour(of), linewidth=2, label=f"{cut(labels[of])}, {area:.3f}"
        )
        axes.axhline(float(np.mean(index == of)), color=_colour(of), linewidth=0.8, linestyle=":")
    axes.set(
        title="Precision and recall; dotted: by chance",
        xlabel="recall",
        ylabel="precision",
        xlim=(0, 1),
        ylim=(0, 1.01),
    )
    _finish(axes, drawn, "lower left")


def _reliability(
    axes: Axes, index: NDArray[np.intp], given: Array, drawn: Sequence[int], labels: Sequence[str]
) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--")
    edges = np.linspace(0, 1, _BINS + 1)
    for of in drawn:
        probability = given[:, 1 + of]
        places = np.clip(np.searchsorted(edges, probability, side="right") - 1, 0, _BINS - 1)
        filled = [place for place in range(_BINS) if (places == place).any()]
        means = [probability[places == place].mean() for place in filled]
        shares = [(index == of)[places == place].mean() for place in filled]
        sizes = [12 + 180 * float(np.mean(places == place)) for place in filled]
        axes.plot(means, shares, color=_colour(of), linewidth=1.4)
        axes.scatter(means, shares, s=sizes, color=_colour(of), label=cut(labels[of]), zorder=3)
    axes.set(
        title="Reliability; the larger the dot, the more rows", xlabel="mean probability", ylabel="how often it was so"
    )
    axes.set(xlim=(0, 1), ylim=(0, 1.03))
    _finish(axes, drawn, "upper left")


def _confusion(axes: Axes, index: NDArray[np.intp], said: NDArray[np.intp], labels: Sequence[str]) -> None:
    """Counts of what was answered for what; the shade is the share of the true class."""
    count = len(labels)
    table = np.bincount(index * count + said, minlength=count * count).reshape(count, count)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [cut(label, 14) for label in labels]
    axes.set_xticks(range(count), names, rotation=30 if count > 3 else 0)
    axes.set_yticks(range(count), names)
    if count <= _CELLS_MAX:
        for row in range(count):
            for column in range(count):
                share = shares[row, column]
                text = f"{table[row, column]:,}\n{share:.0%}"
                axes.text(column, row, text, ha="center", va="center", color="white" if share > 0.6 else "black")
    axes.set(title="Answers by true class", xlabel="answered", ylabel="true")


def _histogram(
    axes: Axes, index: NDArray[np.intp], probability: Array, labels: Sequence[str], threshold: float | None
) -> None:
    """How probabilities are spread in each class, as shares, so that a rare class is seen as well."""
    bins = np.linspace(0, 1, 31).tolist()
    for of, label in enumerate(labels):
        values = probability[index == of]
        if len(values):
            weights = np.full(len(values), 100 / len(values))
            axes.hist(
                values,
                bins=bins,
                weights=weights,
                color=_colour(of),
                alpha=0.55,
                label=f"{cut(label)} ({len(values):,})",
            )
    _mark(axes, threshold)
    axes.set(
        title="Probability by true class", xlabel=f"probability of {cut(labels[1])}", ylabel="share of the class (%)"
    )
    axes.legend(frameon=False, loc="upper right")
    tidy(axes)


def _thresholds(
    axes: Axes, positive: NDArray[np.bool_], probability: Array, label: str, threshold: float | None
) -> None:
    """What other thresholds would have given on these rows; the model's was chosen on training rows."""
    cuts = np.linspace(0.01, 0.99, 99)
    said = probability[np.newaxis, :] >= cuts[:, np.newaxis]
    hits = (said & positive).sum(axis=1)
    recall = hits / max(int(positive.sum()), 1)
    precision = np.divide(hits, said.sum(axis=1), out=np.full(len(cuts), np.nan), where=said.sum(axis=1) > 0)
    f1 = 2 * hits / np.maximum(said.sum(axis=1) + positive.sum(), 1)
    for values, name, colour in ((precision, "precision", BLUE), (recall, "recall", "#2f855a"), (f1, "F1", ORANGE)):
        axes.plot(cuts, values, color=colour, linewidth=1.8, label=name)
    _mark(axes, threshold)
    axes.set(
        title=f"By threshold of {cut(label)}",
        xlabel="threshold",
        ylabel="on the test rows",
        xlim=(0, 1),
        ylim=(0, 1.01),
    )
    axes.legend(frameon=False, loc="upper right")
    tidy(axes)


def _mark(axes: Axes, threshold: float | None) -> None:
    if threshold is not None:
        axes.axvline(threshold, color=GREY, linewidth=1.2, linestyle="--", label=f"threshold about {threshold:.2f}")


def _true_probabilities(axes: Axes, index: NDArray[np.intp], shares: Array, labels: Sequence[str]) -> None:
    """How probable the true class was, class by class."""
    values = [shares[index == of, of] for of in range(len(labels))]
    there = [of for of in range(len(labels)) if len(values[of])]
    axes.boxplot([values[of] for of in there], orientation="horizontal", showfliers=False)
    axes.set_yticks(range(1, len(there) + 1), [f"{cut(labels[of], 14)} ({len(values[of]):,})" for of in there])
    axes.set(title="Probability of the true class", xlabel="probability", xlim=(0, 1))
    tidy(axes)


def _recalls(axes: Axes, index: NDArray[np.intp], said: NDArray[np.intp], labels: Sequence[str]) -> None:
    """How many rows of each class were found."""
    there = [of for of in range(len(labels)) if (index == of).any()]
    recalls = [float(np.mean(said[index == of] == of)) for of in there]
    bars = axes.barh(range(len(there)), recalls, color=[_colour(of) for of in there])
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.set_yticks(range(len(there)), [cut(labels[of], 14) for of in there])
    axes.set(title="Recall of each class", xlabel="share of its rows that were found", xlim=(0, 1.1))
    tidy(axes)


def _colour(of: int) -> str:
    return (BLUE, ORANGE, *CLASS_COLOURS[2:])[of % len(CLASS_COLOURS)]


def _finish(axes: Axes, drawn: Sequence[int], place: str) -> None:
    if drawn:
        axes.legend(frameon=False, loc=place, fontsize=9)
    else:
        _nothing(axes)
    tidy(axes)
