"""Tests of what the pictures of the reports share."""

from __future__ import annotations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from training.report.drawing import new_figure, score_text, score_ticks, to_png


def test_the_same_figure_gives_the_same_bytes() -> None:
    """Equal figures give equal bytes."""

    def draw() -> bytes:
        figure = new_figure(2, 2)
        figure.subplots().plot([0, 1], [1, 0])
        return to_png(figure)

    assert draw() == draw()
    assert draw().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("value", "low", "high", "expected"),
    [
        (0.86631, 0.8661, 0.8663, "0.86631"),
        (0.87, 0.5, 1.0, "0.87"),
        (2.85, 2.78, 3.08, "2.85"),
        (45_000, 40_000, 66_000, "45k"),
        (40_550, 40_500, 41_000, "40.55k"),
        (900, 0, 2_000, "900"),
        (3.0, 3.0, 3.0, "3"),
        (1e-12, 0, 1e-11, "0.00000000"),
    ],
)
def test_digits_follow_the_span(value: float, low: float, high: float, expected: str) -> None:
    """A narrow axis has more digits than a wide one, up to eight."""
    assert score_text(value, low, high) == expected


def test_marks_of_an_axis_differ() -> None:
    """The labels of an axis differ, also if its limits are set later."""
    figure = Figure()
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    score_ticks(axes.yaxis)
    axes.set_ylim(0.86610, 0.86635)
    figure.draw_without_rendering()
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert len(set(labels)) == len(labels) > 2
