"""Names beside points stand where they can be read."""

from __future__ import annotations

import itertools

import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from training.report.selection.point_labels import place_names


def _axes() -> Axes:
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set(xlim=(0, 10), ylim=(0, 10))
    return axes


def test_labels_do_not_overlap() -> None:
    """The labels of six close points do not overlap."""
    axes = _axes()
    points = [(5 + 0.05 * angle, 5 + 0.04 * angle) for angle in range(6)]
    place_names(axes, points, [f"candidate {angle}" for angle in range(6)], ["black"] * 6)
    figure = axes.get_figure(root=True)
    assert figure is not None
    renderer = FigureCanvasAgg(figure).get_renderer()
    notes = [child for child in axes.get_children() if isinstance(child, Annotation)]
    assert len(notes) == 6
    for note in notes:
        note.update_positions(renderer)
    boxes = [Text.get_window_extent(note, renderer) for note in notes]
    for left, other in itertools.combinations(boxes, 2):
        shared = Bbox.intersection(left, other)
        assert shared is None or shared.width * shared.height < 1


def test_plot_without_points_has_no_labels() -> None:
    """Without points nothing is drawn."""
    axes = _axes()
    place_names(axes, [], [], [])
    assert not [child for child in axes.get_children() if isinstance(child, Annotation)]


def test_each_point_has_its_name() -> None:
    """A missing name is an error."""
    with pytest.raises(ValueError, match="got 2, 1, 2"):
        place_names(_axes(), [(1, 1), (2, 2)], ["one"], ["black", "black"])
