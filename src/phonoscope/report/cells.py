"""Many small cells as a few paths: a table of thousands takes kilobytes, not hundreds of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from phonoscope.report.svg import tag

if TYPE_CHECKING:
    from markupsafe import Markup
    from numpy.typing import NDArray

_SHADES = 5


def cell_paths(
    values: NDArray[np.floating],
    place: tuple[float, float],
    cell: tuple[float, float],
    *,
    colour: str = "heat",
    shades: int = _SHADES,
) -> Markup:
    """Draw cells the fuller the nearer their value is to 1; one path has all cells of a shade.

    Parameters
    ----------
    values
        Shape (rows, columns), the first row on top; what is not above 0 is left out.
    place
        The top left corner.
    cell
        Width and height of a cell.
    colour
        The theme's.
    shades
        How many are told apart.
    """
    levels = np.clip(np.ceil(values * shades), 0, shades).astype(int)
    paths = []
    for level in range(1, shades + 1):
        steps = []
        for row, of_row in enumerate(levels == level):
            edges = np.flatnonzero(np.diff(of_row.astype(np.int8), prepend=0, append=0)).tolist()
            steps += [f"M{first} {row}h{last - first}" for first, last in zip(edges[::2], edges[1::2], strict=True)]
        if steps:
            paths.append(tag("path", d="".join(steps), stroke_opacity=level / shades))
    x, y = place
    return tag(
        "g",
        *paths,
        transform=f"translate({x:g} {y + cell[1] / 2:g})scale({cell[0]:g} {cell[1]:g})",
        stroke=f"var(--{colour})",
        shape_rendering="crispEdges",
    )
