"""A recording heard once, block by block: its level every 10 ms, and whether it was clipped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from phonoscope.signal.decoding import UNKNOWN_FRAMES, blocks, check_end, check_samples, mixed, opened

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from numpy.typing import NDArray

FRAMES: Final = 100
"""Levels a second."""
FLOOR: Final = -120.0
"""What silence is given, in dB below full scale: less than any converter's noise."""
_RUN = 3
"""So many samples in a row at the very top of a recording are a peak cut off: a wave's own peak is one or two."""
_TOP = 1e-4
_LOW_TOP = 0.25
"""Below this the steps of a quiet recording are so coarse that its peaks look cut off."""
_FEW = 3


@dataclass
class Sound:
    """What was heard of one channel.

    Attributes
    ----------
    levels
        Of each hundredth of a second in dB relative to a full-scale square wave, its mean taken off; shape (frames,).
    peak
        The largest absolute sample.
    clipped
        How many peaks are cut off.
    first_clipped
        Seconds to the first of these.
    """

    levels: NDArray[np.float32]
    peak: float
    clipped: int
    first_clipped: float


def hear(path: Path, channels: Collection[int | None]) -> dict[int | None, Sound]:
    """Decode a recording from start to end, and tell of its channels (None: the mean of all).

    Raises
    ------
    AudioError
        As `phonoscope.signal.audio.load_audio` does.
    """
    with opened(path) as sound:
        rate, promised = sound.samplerate, sound.frames
        ears = {channel: _Ear(rate) for channel in channels}
        found = 0
        for block in blocks(path, sound):
            for channel, ear in ears.items():
                samples = mixed(block, channel)
                check_samples(path, samples, found / rate, rate)
                ear.accept(samples)
            found += len(block)
    check_end(path, found, UNKNOWN_FRAMES, promised, rate)
    return {channel: ear.heard() for channel, ear in ears.items()}


@dataclass
class _Ear:
    rate: int
    _at: int = 0
    _frame: int = 0
    _rest: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    _levels: list[NDArray[np.float32]] = field(default_factory=list)
    _peak: float = 0.0
    _clipped: int = 0
    _first: float = 0.0

    def accept(self, samples: NDArray[np.float32]) -> None:
        self._look_for_clipping(samples)
        start = self._at - len(self._rest)
        self._at += len(samples)
        samples = np.concatenate([self._rest, samples])
        # frames start at whole samples, wherever the hundredths of a second fall
        last = self._at * FRAMES // self.rate
        edges = np.arange(self._frame, last + 1) * self.rate // FRAMES - start
        if len(edges) > 1:
            self._levels.append(_levels(samples[: edges[-1]], edges))
            self._frame = last
        self._rest = samples[edges[-1] :] if len(edges) else samples

    def heard(self) -> Sound:
        levels = np.concatenate(self._levels) if self._levels else np.empty(0, np.float32)
        if not levels.size:
            levels = _levels(self._rest, np.array([0, len(self._rest)]))
        clipped = self._clipped if self._peak >= _LOW_TOP and self._clipped >= _FEW else 0
        return Sound(levels, self._peak, clipped, self._first)

    def _look_for_clipping(self, samples: NDArray[np.float32]) -> None:
        size = np.abs(samples)
        peak = float(size.max(initial=0.0))
        if peak < self._peak * (1 - _TOP) or peak == 0.0:
            return
        if peak > self._peak * (1 + _TOP):  # what was at the top before was not cut off there
            self._clipped = 0
        self._peak = max(peak, self._peak)
        top = np.diff((size >= self._peak * (1 - _TOP)).astype(np.int8), prepend=0, append=0)
        first, last = np.flatnonzero(top == 1), np.flatnonzero(top == -1)
        runs = first[last - first >= _RUN]
        if len(runs) and not self._clipped:
            self._first = (self._at + int(runs[0])) / self.rate
        self._clipped += len(runs)


def _levels(samples: NDArray[np.float32], edges: NDArray[np.int64]) -> NDArray[np.float32]:
    wide = samples.astype(np.float64)
    n = np.diff(edges)
    mean = np.add.reduceat(wide, edges[:-1]) / n
    power = np.add.reduceat(wide * wide, edges[:-1]) / n - mean * mean
    return (10 * np.log10(np.maximum(power, 10 ** (FLOOR / 10)))).astype(np.float32)
