"""Audio files in: what their headers say, and their samples as one channel at one rate."""

from __future__ import annotations

import io
import math
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import soundfile
import soxr

from phonoscope.errors import AudioError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from phonoscope.corpus.types import Utterance

_ENDLESS = 0x7FFF_0000
"""From here on a WAV's size field is no size: a program that wrote to a pipe put the largest number it knew
there."""
_UNKNOWN_FRAMES = 1 << 60
"""libsndfile's number of frames for a FLAC whose header leaves it open, as a pipe's does, is the largest
there is."""
_LOUDEST = 8.0
"""18 dB over full scale: floats beyond were never scaled to ±1 (they are 16-bit values in a float file)."""
_BLOCK = 1 << 16
_MARGIN = 0.1
"""Seconds around a stretch that are decoded with it for the resampling filter, which is shorter."""
_LOSSY = frozenset({"OGG", "MP3"})
_LAST_PAGE = 10
"""Seconds that no page of an OGG file is longer than."""
_SPHERE_HEADER = 1024
_OTHER_AUDIO = "Make sure that the alignment belongs to this audio and that the audio is whole."


class _Forward(soundfile.SoundFile):  # type: ignore[misc] # soundfile has no types
    """A file that is only read from its start to its end.

    soundfile seeks after each block that it reads, which fails on a FLAC whose header leaves the length open.
    """

    def seekable(self) -> bool:
        """Say that there is no seeking."""
        return False


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
    """Read an audio file's header; nothing is decoded unless the header leaves the length open.

    Raises
    ------
    AudioError
        The file can not be read, is not audio, holds no samples, or is a WAV that was cut short.
    """
    with _opened(path) as sound:
        frames = sound.frames if sound.frames < _UNKNOWN_FRAMES else sum(map(len, _blocks(path, sound)))
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
    with _opened(path) as sound:
        if channel is not None and not 0 <= channel < sound.channels:
            raise AudioError(path, no_such_channel(sound.channels, channel), "Correct the channel in the alignment.")
        source_rate, promised = sound.samplerate, sound.frames
        stretch = _stretch(start, duration, source_rate, rate)
        first = _enter(sound, stretch.first)
        last = min(stretch.last, promised)
        blocks = list(_blocks(path, sound, channel, last - first))
    found = first + sum(map(len, blocks))
    if found == 0:
        raise AudioError(path, "the file holds no samples")
    if found < last < _UNKNOWN_FRAMES:
        there, length = found / source_rate, promised / source_rate
        raise AudioError(path, f"the audio is cut short: {there:.2f} s of {length:.2f} s")
    if found <= stretch.asked:
        end = f"{found / source_rate:.2f} s"
        raise AudioError(path, f"ends at {end}, before the stretch that starts at {start:.2f} s", _OTHER_AUDIO)
    samples: NDArray[np.float32] = np.concatenate(blocks)[stretch.first - first :]
    bad = ~np.isfinite(samples)
    if bad.any():
        time = (stretch.first + np.argmax(bad)) / source_rate
        raise AudioError(path, f"a sample at {time:.3f} s is not a finite number")
    peak = float(np.abs(samples).max())
    if peak > _LOUDEST:
        raise AudioError(path, f"samples reach {peak:g}, but have to be scaled to the range from -1 to 1")
    if source_rate != rate:
        samples = soxr.resample(samples, source_rate, rate)
    cut = samples[stretch.target_start - stretch.target_first : stretch.target_end - stretch.target_first]
    return np.clip(cut, -1.0, 1.0).astype(np.float32, copy=False)


def utterance_audio(utterance: Utterance, rate: int) -> NDArray[np.float32]:
    """Decode what belongs to an utterance: its stretch of its recording, its channel; see `load_audio`."""
    return load_audio(
        utterance.audio, rate, start=utterance.start, duration=utterance.duration, channel=utterance.channel
    )


def no_such_channel(channels: int, channel: int) -> str:
    """Say that a recording of some channels does not have one of them."""
    return f"has {channels} channel{'s' * (channels != 1)}, channel {channel} (counted from 0) was asked for"


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
        last = target_end = _UNKNOWN_FRAMES
    else:
        last = max(round((start + duration) * source_rate) + margin, asked + 1)
        target_end = max(round((start + duration) * rate), target_start + 1)
    return _Stretch(steps * step, last, asked, steps * target_step, target_start, target_end)


def _enter(sound: _Forward, first: int) -> int:
    """Go to a sample, or to one before it, if that can be done, and return where the file stands now."""
    if not 0 < first < sound.frames < _UNKNOWN_FRAMES:
        return 0
    if sound.format in _LOSSY:
        # what a decoder gives first is not yet right, and libsndfile misses its place on the last page of an OGG file
        first = max(0, min(first - sound.samplerate, sound.frames - _LAST_PAGE * sound.samplerate))
    try:
        return int(sound.seek(first))
    except soundfile.LibsndfileError:
        return int(sound.seek(0))


def _blocks(
    path: Path, sound: _Forward, channel: int | None = None, frames: int = _UNKNOWN_FRAMES
) -> Iterator[NDArray[np.float32]]:
    """Decode in blocks to one channel: a header's number of frames is not trusted with an allocation."""
    while frames > 0:
        try:
            block = sound.read(min(_BLOCK, frames), dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            reason = error.error_string.rstrip(". ")
            raise AudioError(path, f"the audio can not be decoded ({reason})") from None
        if len(block) == 0:
            return
        frames -= len(block)
        if block.shape[1] == 1 or channel is not None:
            yield block[:, channel or 0].copy()  # not the other channels with it
        else:
            yield block.mean(axis=1, dtype=np.float32)


def _opened(path: Path) -> _Forward:
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            if size == 0:
                raise AudioError(path, "the file is empty")
            source = _wav_source(path, file, size)
        return _Forward(_system_name(path) if source is None else source)
    except OSError as error:
        raise AudioError(path, f"the file can not be read ({error.strerror})") from None
    except soundfile.LibsndfileError as error:
        reason = error.error_string.rstrip(". ")
        raise AudioError(path, f"this is not audio that can be read ({reason})") from None


def _system_name(path: Path) -> bytes | str:
    """Name a file as the system does: soundfile fails on a Latin-1 name, old corpora's, on a UTF-8 system."""
    return str(path) if os.name == "nt" else os.fsencode(path)


def _wav_source(path: Path, file: BinaryIO, size: int) -> io.BytesIO | None:
    """Check that a WAV holds all the samples that its header promises, which libsndfile does not report.

    Returns a repaired copy if the header, as a program wrote it to a pipe, says that there are no samples;
    else None.
    """
    magic = file.read(12)
    if magic.startswith(b"NIST_1A") and b"shorten" in file.read(_SPHERE_HEADER):
        problem = "this SPHERE file is compressed by shorten, which is not read"
        raise AudioError(path, problem, "Convert it, for instance by `sph2pipe -f wav IN OUT` or by SoX.")
    if magic[:4] not in {b"RIFF", b"RIFX"} or magic[8:] != b"WAVE":
        return None
    order = "<" if magic[:4] == b"RIFF" else ">"
    (riff_size,) = struct.unpack(f"{order}4xI4x", magic)
    while len(header := file.read(8)) == 8:  # noqa: PLR2004 (a chunk's name and its size)
        name, length = struct.unpack(f"{order}4sI", header)
        if name != b"data":
            file.seek(length + length % 2, io.SEEK_CUR)
            continue
        start = file.tell()
        if length == 0 and size > start and not start - 8 <= riff_size < _ENDLESS:
            content = bytearray(path.read_bytes())
            content[start - 4 : start] = struct.pack(f"{order}I", size - start)
            content[4:8] = struct.pack(f"{order}I", size - 8)
            return io.BytesIO(content)
        if length < _ENDLESS and start + length > size:
            raise AudioError(path, f"the audio is cut short: {size - start:,} bytes of samples of {length:,}")
        return None
    return None
