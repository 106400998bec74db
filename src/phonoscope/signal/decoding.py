"""Audio files opened and decoded block by block, and what can be wrong with them."""

from __future__ import annotations

import io
import os
import struct
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import soundfile

from phonoscope.errors import AudioError
from phonoscope.signal.sphere import Samples, sphere_header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_ENDLESS = 0x7FFF_0000
"""From here on a WAV's size field is no size: a program that wrote to a pipe put the largest number it knew
there."""
UNKNOWN_FRAMES = 1 << 60
"""libsndfile's number of frames for a FLAC whose header leaves it open, as a pipe's does, is the largest
there is."""
_LOUDEST = 8.0
"""18 dB over full scale: floats beyond were never scaled to ±1 (they are 16-bit values in a float file)."""
_BLOCK = 1 << 16
_OTHER_AUDIO = "Make sure that the alignment belongs to this audio and that the audio is whole."


class Forward(soundfile.SoundFile):  # type: ignore[misc] # soundfile has no types
    """A file that is only read from its start to its end.

    soundfile seeks after each block that it reads, which fails on a FLAC whose header leaves the length open.
    """

    def seekable(self) -> bool:
        """Say that there is no seeking."""
        return False


def opened(path: Path) -> Forward:
    """Open an audio file.

    Raises
    ------
    AudioError
        It can not be read, is not audio, is a WAV that was cut short, or compressed in a way that is not read.
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            if size == 0:
                raise AudioError(path, "the file is empty")
            sphere = sphere_header(path, file, size)
            source = _wav_source(path, file, size) if sphere is None else None
        if sphere is not None:
            form = {"format": "RAW", "subtype": sphere.subtype, "endian": sphere.endian}
            return Forward(Samples(path, sphere), samplerate=sphere.rate, channels=sphere.channels, **form)
        return Forward(_system_name(path) if source is None else source)
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


def mixed(block: NDArray[np.float32], channel: int | None) -> NDArray[np.float32]:
    """Return one channel of a block, or the mean of all: shape (n, channels) to (n,)."""
    if block.shape[1] == 1 or channel is not None:
        return block[:, channel or 0].copy()  # not the other channels with it
    mean: NDArray[np.float32] = block.mean(axis=1, dtype=np.float32)
    return mean


def blocks(path: Path, sound: Forward, frames: int = UNKNOWN_FRAMES) -> Iterator[NDArray[np.float32]]:
    """Decode in blocks of shape (n, channels): a header's number of frames is not trusted with an allocation."""
    while frames > 0:
        try:
            block = sound.read(min(_BLOCK, frames), dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            reason = error.error_string.rstrip(". ")
            raise AudioError(path, f"the audio can not be decoded ({reason})") from None
        if len(block) == 0:
            return
        frames -= len(block)
        yield block


def no_such_channel(channels: int, channel: int) -> str:
    """Say that a recording of some channels does not have one of them."""
    return f"has {channels} channel{'s' * (channels != 1)}, channel {channel} (counted from 0) was asked for"


def check_end(path: Path, found: int, wanted: int, promised: int, rate: int) -> None:
    """Raise an `AudioError` if a file gave no samples, or not all that were wanted and that its header promises."""
    if found == 0:
        raise AudioError(path, "the file holds no samples")
    if found < min(wanted, promised) < UNKNOWN_FRAMES:
        raise AudioError(path, f"the audio is cut short: {found / rate:.2f} s of {promised / rate:.2f} s")


def ends_before(path: Path, end: float, start: float) -> AudioError:
    """Make the error of a recording that ends, at `end` seconds, before the stretch that starts at `start`."""
    return AudioError(path, f"ends at {end:.2f} s, before the stretch that starts at {start:.2f} s", _OTHER_AUDIO)


def check_channel(path: Path, sound: Forward, channel: int | None) -> None:
    """Raise an `AudioError` if a recording does not have a channel."""
    if channel is not None and not 0 <= channel < sound.channels:
        raise AudioError(path, no_such_channel(sound.channels, channel), "Correct the channel in the alignment.")


def check_samples(path: Path, samples: NDArray[np.float32], start: float, rate: int) -> None:
    """Raise an `AudioError` for samples that are no audio; `start` is the first one's time, in seconds."""
    bad = ~np.isfinite(samples)
    if bad.any():
        raise AudioError(path, f"a sample at {start + np.argmax(bad) / rate:.3f} s is not a finite number")
    peak = float(np.abs(samples).max(initial=0.0))
    if peak > _LOUDEST:
        raise AudioError(path, f"samples reach {peak:g}, but have to be scaled to the range from -1 to 1")
