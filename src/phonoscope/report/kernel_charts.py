"""The filters themselves: their weights, and the modulations that these pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from phonoscope.phonology.spectra import filter_spectra
from phonoscope.report.cells import cell_paths
from phonoscope.report.svg import Chart, chart, tag, text

if TYPE_CHECKING:
    from markupsafe import Markup
    from numpy.typing import NDArray

    from phonoscope.report.material import Material

KERNEL_WORDS: Final = (
    " Below the maps stand the filter's own weights, for the spectrogram and for its first and second differences in "
    "time, blue where they are positive, orange where negative, and beside each the magnitude of its Fourier "
    "transform: temporal modulation to the right, from -1/2 to 1/2 cycle a frame, spectral modulation upwards, from 0 "
    "to 1/2 cycle a mel band. Right of the middle are sweeps that fall with time, left of it those that rise."
)
_CHANNELS = ("static", "Δ", "ΔΔ")
_WEIGHT, _POINT = 17.0, 11.0
_SHADES = 4


def kernel_charts(material: Material) -> dict[int, list[Chart]]:
    """Draw the weights and spectra of each filter that the page shows; nothing where the run does not have them."""
    weights = material.run.filter_weights
    if weights is None:
        return {}
    spectra = filter_spectra(weights)
    return {
        number: [
            kernel_chart(
                f"kernel-filter{number}",
                weights[number],
                spectra.magnitude[number],
                title=f"Weights and spectra, filter {number} of {material.map_layer}",
            )
        ]
        for number in range(len(weights))
    }


def kernel_chart(name: str, weights: NDArray[np.floating], magnitude: NDArray[np.floating], *, title: str) -> Chart:
    """Draw one filter: of each channel the weights, and beside them the magnitude of their spectrum.

    Parameters
    ----------
    weights
        Channels × time × frequency.
    magnitude
        Channels × temporal × spectral modulation.
    """
    channels, times, bands = weights.shape
    temporal, spectral = magnitude.shape[1:]
    top, gap = 46.0, 26.0
    box = times * _WEIGHT, bands * _WEIGHT
    plane = temporal * _POINT, spectral * _POINT
    step = box[0] + 12 + plane[0] + gap
    height = top + max(box[1], plane[1]) + 10
    scaled = weights / (np.abs(weights).max() or 1.0)
    shades = magnitude / (magnitude.max() or 1.0)
    parts: list[object] = [text(14, 16, title, class_="title")]
    for channel in range(channels):
        x = 14 + channel * step
        label = _CHANNELS[channel] if channels == len(_CHANNELS) else f"channel {channel}"
        drawn = scaled[channel].T[::-1]  # low frequencies below
        parts += [
            text(x, top - 10, label, class_="soft small"),
            _ground(x, top, *box),
            cell_paths(drawn, (x, top), (_WEIGHT, _WEIGHT), shades=_SHADES),
            cell_paths(-drawn, (x, top), (_WEIGHT, _WEIGHT), colour="warm", shades=_SHADES),
            _ground(x + box[0] + 12, top, *plane),
            cell_paths(shades[channel].T[::-1], (x + box[0] + 12, top), (_POINT, _POINT), shades=_SHADES),
        ]
    return chart(name, 14 + channels * step - gap + 14, height, *parts, title=title)


def _ground(x: float, y: float, width: float, height: float) -> Markup:
    return tag("rect", x=x, y=y, width=width, height=height, fill="var(--panel)")
