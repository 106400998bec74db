"""Broad-band spectrograms to look at, as pictures."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from numpy.typing import NDArray

HIGHEST: Final = 8_000.0
"""Hz; above it speech has little."""
_WINDOW = 0.01
"""Seconds; a Gaussian of which the inner half counts: Praat's broad-band default of 5 ms."""
_RANGE = 55.0
"""dB below the loudest point that are shown."""
_EMPHASIS = 0.97


def spectrogram(samples: NDArray[np.floating], rate: int, columns: int) -> NDArray[np.float64]:
    """Return a spectrogram as shades.

    Parameters
    ----------
    samples
        Shape (samples,).
    rate
        Hz.
    columns
        Points in time.

    Returns
    -------
    Shape (frequencies, columns), from 0 (`_RANGE` dB below the loudest point, or less) to 1; the first row is 0 Hz, the
    last one `HIGHEST` or half of the rate.
    """
    n = max(16, round(_WINDOW * rate))
    x = np.asarray(samples, np.float64)
    x = np.concatenate([np.zeros(n // 2), x[:1], x[1:] - _EMPHASIS * x[:-1], np.zeros(n)])
    starts = np.linspace(0, max(len(samples) - 1, 0), columns).round().astype(int)
    window = np.exp(-12 * (2 * (np.arange(n) + 0.5) / n - 1) ** 2)
    size = 1 << max(9, (n - 1).bit_length())
    power = np.abs(np.fft.rfft(sliding_window_view(x, n)[starts] * window, size, axis=1)) ** 2
    power = power[:, : int(min(HIGHEST, rate / 2) * size / rate) + 1].T
    top = float(power.max(initial=0.0))
    if top <= 0:
        return np.zeros(power.shape)
    shades = 1 + 10 * np.log10(np.maximum(power / top, 1e-12)) / _RANGE
    return np.asarray(shades.clip(0, 1))


def png(shades: NDArray[np.floating]) -> bytes:
    """Make a PNG in black whose opacity is the shade, so that it lies on any ground; the last row is at the top.

    Parameters
    ----------
    shades
        Shape (rows, columns), 0 to 1.
    """
    grey = np.zeros((*shades.shape, 2), np.uint8)
    grey[..., 1] = np.round(255 * shades[::-1])
    height, width = shades.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), grey.reshape(height, 2 * width)], axis=1).tobytes()

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 4, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def data_uri(content: bytes, kind: str) -> str:
    """Return a file as an address that holds it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
