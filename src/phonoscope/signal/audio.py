"""Audio files in: what their headers say, and their samples as one channel at one rate."""

from __future__ import annotations

import io
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import soundfile
import soxr

from phonoscope.errors import AudioError
from phonoscope.signal.sphere import Samples, sphere_header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_ENDLESS = 0x7FFF_0000
"""From here on a WAV's size field is no size: a program that wrote to a pipe put the largest number it knew
there."""
_UNKNOWN_FRAMES = 1 << 60
"""libsndfile's number of frames for a FLAC whose header leaves it open, as a pipe's does, is the largest
there is."""
_LOUDEST = 8.0
"""18 dB over full scale: floats beyond were never scaled to ±1 (they are 16-bit values in a float file)."""
_BLOCK = 1 << 16


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


def load_audio(path: Path, rate: int) -> NDArray[np.float32]:
    """Decode an audio file to one channel, the mean of its channels, at `rate` Hz.

    Returns
    -------
    array of shape (samples,)
        In [-1, 1]: what a float file, or the resampling filter, puts beyond full scale is clipped.

    Raises
    ------
    AudioError
        As for `audio_info`; or decoding stops before the end that the header promises, or a sample is not a
        number, is infinite, or tells that the file's samples were not scaled to ±1.
    """
    with _opened(path) as sound:
        promised, source_rate = sound.frames, sound.samplerate
        blocks = list(_blocks(path, sound))
    if not blocks:
        raise AudioError(path, "the file holds no samples")
    samples: NDArray[np.float32] = np.concatenate(blocks)
    if len(samples) < promised < _UNKNOWN_FRAMES:
        there, length = len(samples) / source_rate, promised / source_rate
        raise AudioError(path, f"the audio is cut short: {there:.2f} s of {length:.2f} s")
    bad = ~np.isfinite(samples)
    if bad.any():
        raise AudioError(path, f"a sample at {np.argmax(bad) / source_rate:.3f} s is not a finite number")
    peak = float(np.abs(samples).max())
    if peak > _LOUDEST:
        raise AudioError(path, f"samples reach {peak:g}, but have to be scaled to the range from -1 to 1")
    if source_rate != rate:
        samples = soxr.resample(samples, source_rate, rate)
    return np.clip(samples, -1.0, 1.0).astype(np.float32, copy=False)


def _blocks(path: Path, sound: _Forward) -> Iterator[NDArray[np.float32]]:
    """Decode in blocks to one channel: a header's number of frames is not trusted with an allocation."""
    while True:
        try:
            block = sound.read(_BLOCK, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            reason = error.error_string.rstrip(". ")
            raise AudioError(path, f"the audio can not be decoded ({reason})") from None
        if len(block) == 0:
            return
        yield block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32)


def _opened(path: Path) -> _Forward:
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            if size == 0:
                raise AudioError(path, "the file is empty")
            sphere = sphere_header(path, file, size)
            source = _wav_source(path, file, size) if sphere is None else None
        if sphere is not None:
            form = {"format": "RAW", "subtype": sphere.subtype, "endian": sphere.endian}
            return _Forward(Samples(path, sphere), samplerate=sphere.rate, channels=sphere.channels, **form)
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
