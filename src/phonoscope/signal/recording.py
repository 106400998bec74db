"""Features of the utterances of a recording, which is decoded once, block by block."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import soxr

from phonoscope.signal.decoding import (
    UNKNOWN_FRAMES,
    blocks,
    check_channel,
    check_end,
    check_samples,
    ends_before,
    mixed,
    opened,
)
from phonoscope.signal.features import Filterbank

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from phonoscope.settings import SignalSettings


class Stretch(NamedTuple):
    """Where in a recording an utterance lies, in seconds, and in which channel (None: the mean of all)."""

    start: float
    duration: float
    channel: int | None


def recording_features(path: Path, stretches: Sequence[Stretch], settings: SignalSettings) -> list[NDArray[np.float32]]:
    """Compute the static coefficients of some stretches of a recording.

    They are those of `phonoscope.signal.features.filterbank` of what `phonoscope.signal.audio.load_audio` gives, but
    the file is read once from its start to the last stretch's end, and no more of its audio is held than a block.

    Parameters
    ----------
    path
        The recording.
    stretches
        In any order; they may overlap.
    settings
        Of the features; gives the rate too.

    Returns
    -------
    For each stretch its log-mel energies, shape (frames, n_mels).

    Raises
    ------
    AudioError
        As `load_audio` does.
    SettingError
        As `phonoscope.signal.features.Filterbank` does.
    """
    with opened(path) as sound:
        for stretch in stretches:
            check_channel(path, sound, stretch.channel)
        source_rate, promised = sound.samplerate, sound.frames
        pending = [_Pending(stretch, settings) for stretch in stretches]
        channels = {
            channel: _Channel(channel, [p for p in pending if p.stretch.channel == channel], source_rate, settings)
            for channel in {stretch.channel for stretch in stretches}
        }
        found = 0
        for block in blocks(path, sound):
            for channel in channels.values():
                if channel.wanted:
                    samples = mixed(block, channel.number)
                    check_samples(path, samples, found / source_rate, source_rate)
                    channel.accept(samples)
            found += len(block)
            if not any(channel.wanted for channel in channels.values()):
                break
        else:
            check_end(path, found, UNKNOWN_FRAMES, promised, source_rate)
            for channel in channels.values():
                channel.end()
    for one in pending:
        if round(one.stretch.start * source_rate) >= found:
            raise ends_before(path, found / source_rate, one.stretch.start)
    return [one.static() for one in pending]


class _Pending:
    """A stretch, its first sample and the one after its last, at the rate of the features, and what came of it."""

    def __init__(self, stretch: Stretch, settings: SignalSettings) -> None:
        self.stretch = stretch
        self.first = round(stretch.start * settings.sample_rate)
        self.last = max(round((stretch.start + stretch.duration) * settings.sample_rate), self.first + 1)
        self._settings = settings
        self._bank: Filterbank | None = None  # a recording may have thousands of stretches
        self._static: NDArray[np.float32] | None = None

    def accept(self, samples: NDArray[np.float32], end: int) -> None:
        """Take the next samples of the stretch, which are the recording's up to `end`."""
        self._bank = self._bank or Filterbank(self._settings)
        self._bank.accept(samples)
        if end >= self.last:
            self.static()

    def static(self) -> NDArray[np.float32]:
        """Return the coefficients; there are no more samples."""
        if self._static is None:
            self._static = (self._bank or Filterbank(self._settings)).finish()
            self._bank = None
        return self._static


class _Channel:
    """One channel of a recording at the rate of the features, handed to the stretches that it crosses."""

    def __init__(
        self, number: int | None, pending: Sequence[_Pending], source_rate: int, settings: SignalSettings
    ) -> None:
        self.number = number
        self._waiting = deque(sorted(pending, key=lambda one: one.first))
        self._open: list[_Pending] = []
        self._at = 0
        self._resampler = None
        if source_rate != settings.sample_rate:
            self._resampler = soxr.ResampleStream(source_rate, settings.sample_rate, 1, dtype="float32")

    @property
    def wanted(self) -> bool:
        """Whether a stretch has not had all of its samples yet."""
        return bool(self._waiting or self._open)

    def accept(self, samples: NDArray[np.float32]) -> None:
        """Take the next samples of the recording, shape (n,)."""
        self._hand_on(self._resampler.resample_chunk(samples) if self._resampler else samples)

    def end(self) -> None:
        """Hand on what is still in the resampling filter."""
        if self._resampler:
            self._hand_on(self._resampler.resample_chunk(np.empty(0, np.float32), last=True))

    def _hand_on(self, samples: NDArray[np.float32]) -> None:
        samples = np.clip(samples, -1.0, 1.0).astype(np.float32, copy=False)
        start, self._at = self._at, self._at + len(samples)
        while self._waiting and self._waiting[0].first < self._at:
            self._open.append(self._waiting.popleft())
        for one in self._open:
            one.accept(samples[max(one.first - start, 0) : one.last - start], self._at)
        self._open = [one for one in self._open if one.last > self._at]
