"""Audio files in: what their headers say, and their samples as one channel at one rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import soundfile
import soxr

from phonoscope.errors import AudioError
from phonoscope.signal.decoding import (
    UNKNOWN_FRAMES,
    Forward,
    blocks,
    check_channel,
    check_end,
    check_samples,
    ends_before,
    mixed,
    opened,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from phonoscope.corpus.types import Utterance

_MARGIN = 0.1
"""Seconds around a stretch that are decoded with it for the resampling filter, which is shorter."""
_DENSEST = 100
"""Samples for each byte of a file: Opus at its lowest rate has 64. Where a header promises more, they are counted."""
_LOSSY = frozenset({"OGG", "MP3"})
_LAST_PAGE = 10
"""Seconds that no page of an OGG file is longer than."""


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What an audio file holds: its rate in Hz, its channels, its samples a channel."""

    rate: int
    channels: int
    frames: int

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.frames / self.rate


def audio_info(path: Path) -> AudioInfo:
    """Read an audio file's header.

    Nothing is decoded unless the header leaves the length open, or promises more than so short a file can hold.

    Raises
    ------
    AudioError
        The file can not be read, is not audio, holds no samples, or is a WAV that was cut short.
    """
    with opened(path) as sound:
        frames = sound.frames
        if frames > _DENSEST * path.stat().st_size:  # also of those whose header leaves it open
            frames = sum(map(len, blocks(path, sound)))
            check_end(path, frames, UNKNOWN_FRAMES, sound.frames, sound.samplerate)
        if frames == 0:
            raise AudioError(path, "the file holds no samples")
        return AudioInfo(sound.samplerate, sound.channels, frames)


def load_audio(
    path: Path, rate: int, *, start: float = 0.0, duration: float | None = None, channel: int | None = None
) -> NDArray[np.float32]:
    """Decode an audio file, or a stretch of it, to one channel at `rate` Hz.

    Only the stretch is decoded, where the file can be entered in its middle. Its samples are those that the whole file
    would have there: the resampling filter sees what lies around the stretch.

    Parameters
    ----------
    path
        The file.
    rate
        Hz.
    start, duration
        The stretch, seconds; without a duration to the file's end, and never beyond it.
    channel
        The one that is wanted, counted from 0; None: the mean of all.

    Returns
    -------
    array of shape (samples,)
        In [-1, 1]: what a float file, or the resampling filter, puts beyond full scale is clipped.

    Raises
    ------
    AudioError
        As for `audio_info`; or the file has no such channel, or ends before the stretch starts; decoding stops before
        the end that the header promises; or a sample is not a number, is infinite, or tells that the file's samples
        were not scaled to ±1.
    """
    with opened(path) as sound:
        check_channel(path, sound, channel)
        source_rate, promised = sound.samplerate, sound.frames
        stretch = _stretch(start, duration, source_rate, rate)
        first = _enter(sound, stretch.first)
        last = min(stretch.last, promised)
        pieces = [mixed(block, channel) for block in blocks(path, sound, last - first)]
    found = first + sum(map(len, pieces))
    check_end(path, found, last, promised, source_rate)
    if found <= stretch.asked:
        raise ends_before(path, found / source_rate, start)
    samples: NDArray[np.float32] = np.concatenate(pieces)[stretch.first - first :]
    check_samples(path, samples, stretch.first / source_rate, source_rate)
    if source_rate != rate:
        samples = soxr.resample(samples, source_rate, rate)
    cut = samples[stretch.target_start - stretch.target_first : stretch.target_end - stretch.target_first]
    return np.clip(cut, -1.0, 1.0).astype(np.float32, copy=False)


def utterance_audio(utterance: Utterance, rate: int) -> NDArray[np.float32]:
    """Decode what belongs to an utterance: its stretch of its recording, its channel; see `load_audio`."""
    return load_audio(
        utterance.audio, rate, start=utterance.start, duration=utterance.duration, channel=utterance.channel
    )


@dataclass(frozen=True, slots=True)
class _Stretch:
    """What is decoded for a stretch, and what of it is kept once it is resampled.

    `first` and `last` are samples of the file, with a margin for the filter; `asked` is the first that is wanted.
    `target_first` is `first` at the rate that is wanted, a whole number, so that the samples are those that the whole
    file would have; of these, `target_start` to `target_end` are kept.
    """

    first: int
    last: int
    asked: int
    target_first: int
    target_start: int
    target_end: int


def _stretch(start: float, duration: float | None, source_rate: int, rate: int) -> _Stretch:
    common = math.gcd(source_rate, rate)
    step, target_step = source_rate // common, rate // common  # as many samples of the two rates are equally long
    margin = 0 if source_rate == rate else math.ceil(_MARGIN * source_rate)
    asked = round(start * source_rate)
    steps = max(0, asked - margin) // step
    target_start = asked if source_rate == rate else round(start * rate)
    if duration is None:
        last = target_end = UNKNOWN_FRAMES
    else:
        last = max(round((start + duration) * source_rate) + margin, asked + 1)
        target_end = max(round((start + duration) * rate), target_start + 1)
    return _Stretch(steps * step, last, asked, steps * target_step, target_start, target_end)


def _enter(sound: Forward, first: int) -> int:
    """Go to a sample, or to one before it, if that can be done, and return where the file stands now."""
    if not 0 < first < sound.frames < UNKNOWN_FRAMES:
        return 0
    if sound.format in _LOSSY:
        # what a decoder gives first is not yet right, and libsndfile misses its place on the last page of an OGG file
        first = max(0, min(first - sound.samplerate, sound.frames - _LAST_PAGE * sound.samplerate))
    try:
        return int(sound.seek(first))
    except soundfile.LibsndfileError:
        return int(sound.seek(0))
