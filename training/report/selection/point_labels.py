"""Labels of points without overlap: each label takes the nearest free position around its point."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

_POINT_PX = 9.0
"""The side of the square around a point that no label covers, in pixels."""
_OFFSETS = [
    (across, up, "left" if across > 0 else "right" if across < 0 else "center")
    for distance in (8, 16, 28, 42, 58)
    for across, up in ((1, 0), (1, 1), (1, -1), (-1, 0), (-1, 1), (-1, -1), (0, 1), (0, -1))
    for across, up in [(across * distance, up * distance)]
]
"""The possible offsets of a label from its point, in typographic points, the nearest first."""


def place_names(
    axes: Axes, points: Sequence[tuple[float, float]], names: Sequence[str], colours: Sequence[str]
) -> None:
    """Write a label next to each point; a thin line connects a distant label with its point.

    The limits of the axes must be final, and everything else drawn: the layout is frozen, so that free positions stay free.

    Args:
        axes: the axes with the points.
        points: their positions in data coordinates.
        names: one label for each point.
        colours: one for each label.

    Raises:
        ValueError: points, names and colours differ in number.
    """
    if not len(points) == len(names) == len(colours):
        raise ValueError(
            f"expected as many names and colours as points, got {len(points)}, {len(names)}, {len(colours)}"
        )
    if not points:
        return
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    renderer = FigureCanvasAgg(figure).get_renderer()
    panel_box = axes.get_window_extent(renderer)
    centres = [axes.transData.transform(point) for point in points]
    occupied_boxes = [
        Bbox.from_extents(x - _POINT_PX / 2, y - _POINT_PX / 2, x + _POINT_PX / 2, y + _POINT_PX / 2)
        for x, y in centres
    ]
    # From top to bottom: the labels of neighbouring points then keep the order of the points.
    for point in sorted(range(len(points)), key=lambda index: (-centres[index][1], centres[index][0])):
        best: tuple[float, Annotation, Bbox] | None = None
        for across, up, side in _OFFSETS:
            is_far = max(abs(across), abs(up)) > 10
            note = axes.annotate(
                names[point],
                points[point],
                (across, up),
                textcoords="offset points",
                ha=side,
                va="center",
                fontsize=9,
                color=colours[point],
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.95, "pad": 0.4},
                arrowprops={"arrowstyle": "-", "color": "#a0aec0", "linewidth": 0.6} if is_far else None,
            )
            note.set_in_layout(False)
            # The box of the label only: its line is allowed to cross other labels.
            note.update_positions(renderer)
            box = Text.get_window_extent(note, renderer)
            covered = sum(_shared_area(box, box_on_plot) for box_on_plot in occupied_boxes) + 3 * (
                _area(box) - _shared_area(box, panel_box)
            )
            if best is None or covered < best[0]:
                if best is not None:
                    best[1].remove()
                best = (covered, note, box)
            else:
                note.remove()
            if covered <= 0.5:
                break
        assert best is not None
        occupied_boxes.append(best[2])


def _shared_area(left: Bbox, right: Bbox) -> float:
    intersection = Bbox.intersection(left, right)
    return _area(intersection) if intersection is not None else 0.0


def _area(box: Bbox) -> float:
    return float(box.width * box.height)
