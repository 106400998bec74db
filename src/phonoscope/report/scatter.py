"""Clouds of points: the samples on a t-SNE map, and the phones in three dimensions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from phonoscope.report.svg import Chart, Scale, chart, key_rows, phone_text, sign, tag, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_TURN, _TILT = 0.6, 0.35  # radians: from where a cloud in three dimensions is seen at first


@dataclass(frozen=True)
class Look:
    """How a phone is shown: its IPA sign, its group's name and colour, and whether it is voiced."""

    ipa: str
    group: str
    colour: int
    voiced: bool

    @property
    def shape(self) -> str:
        """Return a filled circle's name for a voiced phone, a triangle's for a voiceless one."""
        return "circle" if self.voiced else "triangle"

    @property
    def words(self) -> str:
        """Say what the phone is."""
        if self.group == "other":
            return "sign not known"
        return f"{self.group}, {'voiced' if self.voiced else 'voiceless'}"


def group_mark(colour: int) -> Markup:
    """Draw a group's sign, 22 × 12 pixels, for a legend."""
    return sign("circle", 11, 6, 5, fill=f"var(--c{colour})")


def _key(looks: Mapping[str, Look], top: float, right: float) -> tuple[Markup, float]:
    groups = {look.group: look.colour for look in looks.values()}
    entries = [(group, group_mark(colour), group) for group, colour in groups.items()]
    return key_rows(entries, 14, top, right)


def sample_map(layer: str, points: NDArray[np.floating], phones: Sequence[str], looks: Mapping[str, Look]) -> Chart:
    """Draw every sample where t-SNE has put it; the phones' labels stand at the middle of their samples.

    Parameters
    ----------
    points
        Shape (n, 2).
    phones
        The phone of each sample, phone after phone.
    looks
        How each phone is shown.
    """
    size, height = 760.0, 780.0
    low, high = points.min(axis=0), points.max(axis=0)
    reach = float((high - low).max()) or 1.0
    middle = (low + high) / 2
    x = Scale(float(middle[0]) - reach / 2, float(middle[0]) + reach / 2, 14, size - 14)
    y = Scale(float(middle[1]) - reach / 2, float(middle[1]) + reach / 2, height - 14, 34)
    array = np.asarray(phones)
    groups, labels = [], []
    for phone, look in looks.items():
        rows = np.flatnonzero(array == phone)
        if not len(rows):
            continue
        marks = [sign(look.shape, x(points[i, 0]), y(points[i, 1]), 2.8, data_sample=int(i)) for i in rows]
        groups.append(
            tag(
                "g",
                *marks,
                fill=f"var(--c{look.colour})",
                fill_opacity=0.75,
                data_of=phone,
                data_series=look.group,
            )
        )
        at = np.median(points[rows], axis=0)
        label = phone_text(
            x(at[0]),
            y(at[1]) + 5,
            phone,
            look.ipa,
            style="font-size:15px;font-weight:600;paint-order:stroke;stroke:var(--paper);stroke-width:3px",
            data_series=look.group,
            data_of=phone,
        )
        labels.append(label)
    title = f"t-SNE of the samples at {layer}"
    head = text(14, 16, title, class_="title")
    return chart(f"tsne-{layer}", size, height, head, *groups, *labels, title=title, key=_key(looks, height, size))


def cloud(name: str, title: str, points: NDArray[np.floating], looks: Mapping[str, Look]) -> Chart:
    """Draw the phones in three dimensions, as seen from one side; on the page the cloud can be turned.

    Parameters
    ----------
    points
        Shape (phones, 3), in the order of `looks`.
    """
    size = 560.0
    centred = points - points.mean(axis=0)
    unit = centred / (np.linalg.norm(centred, axis=1).max() or 1.0)
    flat, depth = _seen(unit, _TURN, _TILT)
    scale = size * 0.46
    parts = []
    for i in np.argsort(depth):
        phone, look = list(looks.items())[i]
        mark = sign(look.shape, 0, 0, 6, fill=f"var(--c{look.colour})", stroke="var(--paper)")
        label = phone_text(
            0,
            -9,
            phone,
            look.ipa,
            style="font-size:15px;font-weight:600;paint-order:stroke;stroke:var(--paper);stroke-width:3px",
        )
        parts.append(
            tag(
                "g",
                mark,
                label,
                transform=f"translate({size / 2 + flat[i, 0] * scale:.1f} {size / 2 - flat[i, 1] * scale:.1f}) "
                f"scale({1 + 0.2 * depth[i]:.2f})",  # near is large; paler colours would be those of other groups
                data_xyz=" ".join(f"{v:.4f}" for v in unit[i]),
                data_series=look.group,
                data_tip=f"/{phone}/ [{look.ipa}] {look.words}",
            )
        )
    axes = [
        tag(
            "line",
            x1=size / 2,
            y1=size / 2,
            x2=size / 2 + end[0] * scale,
            y2=size / 2 - end[1] * scale,
            class_="axis",
            data_axis=" ".join(f"{v:g}" for v in axis),
        )
        for axis, end in zip(np.eye(3), _seen(np.eye(3), _TURN, _TILT)[0], strict=True)
    ]
    return chart(
        name,
        size,
        size,
        text(14, 16, title, class_="title"),
        tag("g", *axes),
        tag("g", *parts, class_="cloud", data_turn=_TURN, data_tilt=_TILT, data_scale=scale),
        title=title,
        key=_key(looks, size, size),
    )


def _seen(points: NDArray[np.floating], turn: float, tilt: float) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Turn points about the upright axis and tilt them about the level one; return where they lie, and how near."""
    x, y, z = points.T
    x, z = x * np.cos(turn) + z * np.sin(turn), z * np.cos(turn) - x * np.sin(turn)
    y, z = y * np.cos(tilt) - z * np.sin(tilt), z * np.cos(tilt) + y * np.sin(tilt)
    return np.stack([x, y], axis=1), z


def data_block(name: str, content: object) -> Markup:
    """Put data on the page for its script: no label in it can end the element."""
    written = json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return Markup('<script type="application/json" id="{}">').format(name) + Markup(written) + Markup("</script>")  # noqa: S704
