"""Names beside points stand where they can be read."""

from __future__ import annotations

import itertools

import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from training.selection.labels import place_names


def _axes() -> Axes:
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set(xlim=(0, 10), ylim=(0, 10))
    return axes


def test_names_do_not_cover_each_other() -> None:
    """Six points in a heap get six names that can all be read."""
    axes = _axes()
    points = [(5 + 0.05 * at, 5 + 0.04 * at) for at in range(6)]
    place_names(axes, points, [f"candidate {at}" for at in range(6)], ["black"] * 6)
    figure = axes.get_figure(root=True)
    assert figure is not None
    renderer = FigureCanvasAgg(figure).get_renderer()
    notes = [child for child in axes.get_children() if isinstance(child, Annotation)]
    assert len(notes) == 6
    for note in notes:
        note.update_positions(renderer)
    boxes = [Text.get_window_extent(note, renderer) for note in notes]
    for one, other in itertools.combinations(boxes, 2):
        shared = Bbox.intersection(one, other)
        assert shared is None or shared.width * shared.height < 1


def test_nothing_to_name_is_nothing() -> None:
    """A picture without points stays as it is."""
    axes = _axes()
    place_names(axes, [], [], [])
    assert not [child for child in axes.get_children() if isinstance(child, Annotation)]


def test_each_point_has_its_name() -> None:
    """A name too few is a mistake of the caller."""
    with pytest.raises(ValueError, match="got 2, 1, 2"):
        place_names(_axes(), [(1, 1), (2, 2)], ["one"], ["black", "black"])
