"""The paper's Figures 3 and 4: what one filter of a convolution layer answers to vowels, and to plosives."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from phonoscope.report.heat import map_paths
from phonoscope.report.svg import Chart, Scale, chart, line, phone_text, tag, text, ticks, tip

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_ROUNDS = 400
# width and height that maps of longer windows or more filters are drawn smaller for, pixels
_VOWEL_BOX = 44.0, 84.0
_PLOSIVE_BOX = 110.0, 160.0


def vowel_maps(
    name: str,
    maps: Mapping[str, NDArray[np.floating]],
    formants: Mapping[str, tuple[float, float]],
    *,
    ipa: Mapping[str, str],
    peak: float,
    title: str,
) -> Chart:
    """Lay the vowels' mean maps out where the vowels lie: F1 downwards, F2 to the left, as phoneticians draw it.

    A map that would cover another is moved aside; a line leads to where the vowel is.

    Parameters
    ----------
    maps
        Time × frequency of each vowel.
    formants
        F1 and F2 of each vowel, Hz; a vowel without them is left out.
    peak
        The activation that gets the full shade.
    """
    shown = [vowel for vowel in maps if vowel in formants]
    width, height = 680.0, 560.0
    x, y = _plane(np.array([formants[vowel] for vowel in shown] or [(300.0, 2000.0), (700.0, 1000.0)]), width, height)
    parts: list[object] = [text(58, 16, title, class_="title")]
    for value in ticks(x.low, x.high, 7):
        parts += [
            line(x(value), 44, x(value), height - 14, class_="grid"),
            text(x(value), 38, f"{value:g}", anchor="middle", class_="soft small"),
        ]
    for value in ticks(y.low, y.high, 7):
        parts += [
            line(58, y(value), width - 12, y(value), class_="grid"),
            text(width - 10, y(value) - 3, f"{value:g}", anchor="end", class_="soft small"),
        ]
    parts += [
        text(width - 12, 16, "F2 (Hz)", anchor="end", class_="soft"),
        text(24, height / 2, "F1 (Hz)", anchor="middle", class_="soft", transform=f"rotate(-90 24 {height / 2:g})"),
    ]
    if not shown:
        parts.append(text(width / 2, height / 2, "no vowel in the panel has formants", anchor="middle"))
        return chart(name, width, height, *parts, title=title)
    n_time, n_frequency = maps[shown[0]].shape
    cell = min(4.4, _VOWEL_BOX[0] / n_time), min(2.2, _VOWEL_BOX[1] / n_frequency)
    box = n_time * cell[0], n_frequency * cell[1]
    points = np.array([(x(formants[vowel][1]), y(formants[vowel][0])) for vowel in shown])
    centres = tuple((float(a), float(b)) for a, b in points)
    places = _apart(centres, (box[0] + 26, box[1] + 8), (70, 52, width - 20, height - 20))
    for vowel, point, place in zip(shown, points, places, strict=True):
        corner = place[0] - box[0] / 2 + 10, place[1] - box[1] / 2
        f1, f2 = formants[vowel]
        parts.append(line(*point, *place, stroke="var(--soft)", stroke_width=1))
        parts.append(tag("circle", cx=point[0], cy=point[1], r=2.5, fill="var(--soft)"))
        drawn = [
            map_paths(maps[vowel], peak, *corner, cell),
            tag("rect", x=corner[0], y=corner[1], width=box[0], height=box[1], class_="frame"),
            phone_text(
                corner[0] - 5, place[1] + 5, vowel, ipa[vowel], anchor="end", style="font-size:16px;font-weight:600"
            ),
        ]
        parts.append(tip(tag("g", *drawn), f"/{vowel}/ [{ipa[vowel]}]: F1 {f1:.0f} Hz, F2 {f2:.0f} Hz"))
    return chart(name, width, height, *parts, title=title)


def _plane(formants: NDArray[np.floating], width: float, height: float) -> tuple[Scale, Scale]:
    """Return the scales of F2, from right to left, and of F1, downwards, with room for the maps at the edges."""
    (f1_low, f2_low), (f1_high, f2_high) = formants.min(axis=0), formants.max(axis=0)
    f1_room, f2_room = 0.14 * (f1_high - f1_low) + 20, 0.1 * (f2_high - f2_low) + 60
    return (
        Scale(float(f2_low - f2_room), float(f2_high + f2_room), width - 12, 58),
        Scale(float(f1_low - f1_room), float(f1_high + f1_room), 44, height - 14),
    )


@cache  # every filter's figure has the same
def _apart(
    centres: tuple[tuple[float, float], ...], box: tuple[float, float], bounds: tuple[float, float, float, float]
) -> NDArray[np.floating]:
    """Move boxes that cover each other apart, a little at a time, and keep them within bounds."""
    points = np.array(centres)
    places = points.copy()
    half = np.array(box) / 2
    low, high = np.array(bounds[:2]) + half, np.array(bounds[2:]) - half
    for left in reversed(range(_ROUNDS)):
        if left > _ROUNDS // 4:  # back to where they belong, where nothing is in the way; at last only apart
            places += (points - places) * 0.01
        for i in range(len(places)):
            for j in range(i):
                away = places[i] - places[j]
                cover = np.array(box) - np.abs(away)
                if (cover <= 0).any():
                    continue
                axis = int(cover.argmin())
                step = np.zeros(2)
                step[axis] = cover[axis] / 2 * (1 if away[axis] >= 0 else -1)
                places[i] += step
                places[j] -= step
        places = np.clip(places, low, high)
    return places


def plosive_maps(
    name: str,
    maps: Mapping[str, NDArray[np.floating]],
    rows: Mapping[str, Sequence[str | None]],
    columns: Sequence[str],
    *,
    ipa: Mapping[str, str],
    peak: float,
    title: str,
) -> Chart:
    """Draw the plosives' mean maps, voiceless above voiced, a place of articulation a column.

    Parameters
    ----------
    maps
        Time × frequency of each plosive.
    rows
        ``voiceless`` and ``voiced``: the plosive of each place, None where there is none.
    columns
        The places.
    """
    n_time, n_frequency = next(iter(maps.values())).shape if maps else (1, 1)
    cell = min(7.0, _PLOSIVE_BOX[0] / n_time), min(4.0, _PLOSIVE_BOX[1] / n_frequency)
    box = n_time * cell[0], n_frequency * cell[1]
    left, top, gap = 84.0, 56.0, 34.0
    width = left + len(columns) * (box[0] + gap) + 6
    height = top + len(rows) * (box[1] + 30) + 16
    parts: list[object] = [text(14, 16, title, class_="title")]
    for j, place in enumerate(columns):
        parts.append(
            text(left + j * (box[0] + gap) + box[0] / 2, top - 18, place, anchor="middle", class_="soft small")
        )
    for i, (voicing, phones) in enumerate(rows.items()):
        y = top + i * (box[1] + 30)
        parts.append(text(left - 30, y + box[1] / 2, voicing, anchor="end", class_="soft small"))
        for j, phone in enumerate(phones):
            if phone is None or phone not in maps:
                continue
            x = left + j * (box[0] + gap)
            drawn = [
                map_paths(maps[phone], peak, x, y, cell),
                tag("rect", x=x, y=y, width=box[0], height=box[1], class_="frame"),
                phone_text(
                    x - 6,
                    y + box[1] / 2 + 5,
                    phone,
                    ipa[phone],
                    anchor="end",
                    style="font-size:16px;font-weight:600",
                ),
            ]
            said = f"/{phone}/ [{ipa[phone]}]: {voicing}, {columns[j]}; mean activation {maps[phone].mean():.3f}"
            parts.append(tip(tag("g", *drawn), said))
    middle = left + (len(columns) * (box[0] + gap) - gap) / 2
    parts.append(
        text(
            middle,
            height - 8,
            "time (frames) to the right, frequency (mel) upwards",
            anchor="middle",
            class_="soft small",
        )
    )
    return chart(name, width, height, *parts, title=title)
