"""Names beside points, so that they can be read: each takes the nearest free place around its point."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

_POINT_PX = 9.0
"""Half the side of the square around a point that no name may cover, in pixels."""
_PLACES = [
    (across, up, "left" if across > 0 else "right" if across < 0 else "center")
    for distance in (8, 16, 28, 42, 58)
    for across, up in ((1, 0), (1, 1), (1, -1), (-1, 0), (-1, 1), (-1, -1), (0, 1), (0, -1))
    for across, up in [(across * distance, up * distance)]
]
"""Where a name may stand, in points from its point, the nearest first."""


def place_names(
    axes: Axes, points: Sequence[tuple[float, float]], names: Sequence[str], colours: Sequence[str]
) -> None:
    """Write a name beside each point; a name that had to go farther away is tied to its point by a thin line.

    The axes' limits must be final, and everything else drawn: the layout is frozen, so that free places stay free.

    Args:
        axes: with the points drawn.
        points: their places in data coordinates.
        names: one for each point.
        colours: one for each name.

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
    inside = axes.get_window_extent(renderer)
    centres = [axes.transData.transform(point) for point in points]
    taken = [
        Bbox.from_extents(x - _POINT_PX / 2, y - _POINT_PX / 2, x + _POINT_PX / 2, y + _POINT_PX / 2)
        for x, y in centres
    ]
    # From the top down: neighbours then fan out in the order in which they lie.
    for at in sorted(range(len(points)), key=lambda index: (-centres[index][1], centres[index][0])):
        best: tuple[float, Annotation, Bbox] | None = None
        for across, up, side in _PLACES:
            far = max(abs(across), abs(up)) > 10
            note = axes.annotate(
                names[at],
                points[at],
                (across, up),
                textcoords="offset points",
                ha=side,
                va="center",
                fontsize=9,
                color=colours[at],
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.95, "pad": 0.4},
                arrowprops={"arrowstyle": "-", "color": "#a0aec0", "linewidth": 0.6} if far else None,
            )
            note.set_in_layout(False)
            # The name alone: the line to its point may cross others.
            note.update_positions(renderer)
            box = Text.get_window_extent(note, renderer)
            covered = sum(_shared(box, other) for other in taken) + 3 * (_area(box) - _shared(box, inside))
            if best is None or covered < best[0]:
                if best is not None:
                    best[1].remove()
                best = (covered, note, box)
            else:
                note.remove()
            if covered <= 0.5:
                break
        assert best is not None
        taken.append(best[2])


def _shared(one: Bbox, other: Bbox) -> float:
    both = Bbox.intersection(one, other)
    return _area(both) if both is not None else 0.0


def _area(box: Bbox) -> float:
    return float(box.width * box.height)
