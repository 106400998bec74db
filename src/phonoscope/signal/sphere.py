"""NIST SPHERE, the audio files of TIMIT and of most older corpora of the LDC: their header, and where the samples are.

libsndfile knows SPHERE too, but only with a header of 1,024 bytes and samples of 8 or 16 bits, and it takes what
follows the last sample for speech. So the header is read here, and libsndfile decodes the samples alone.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from phonoscope.errors import AudioError

if TYPE_CHECKING:
    from pathlib import Path

    from _typeshed import WriteableBuffer

_MAGIC = b"NIST_1A"
_FIRST_LINES = re.compile(rb"NIST_1A\n([ 0-9]{7})\n")
_FIRST = 16
_LONGEST = 1 << 20
"""Bytes of a header: they are 1,024 nearly always."""
_OBJECT = re.compile(rb"(\S+)[ \t]+-(i|r|s([0-9]{1,7}))[ \t]+")
_NUMBER = re.compile(rb"([+-]?[0-9]{1,18})(?:\.0*)?[ \t]*(?:;.*)?")
_SUBTYPES = {
    ("pcm", 1): "PCM_S8",
    ("pcm", 2): "PCM_16",
    ("pcm", 3): "PCM_24",
    ("pcm", 4): "PCM_32",
    ("ulaw", 1): "ULAW",
    ("mu-law", 1): "ULAW",
    ("alaw", 1): "ALAW",
    ("a-law", 1): "ALAW",
}
_MOST_CHANNELS = 1024  # libsndfile's limit
_HIGHEST_RATE = 1 << 24


@dataclass(frozen=True, slots=True)
class SphereHeader:
    """What a SPHERE file's header tells.

    Attributes
    ----------
    rate
        Of the samples, in Hz.
    channels
        How many; their samples alternate.
    frames
        Samples a channel.
    subtype, endian
        How a sample is written, in libsndfile's words.
    offset, length
        Where the samples start in the file, and how many bytes they take.
    """

    rate: int
    channels: int
    frames: int
    subtype: str
    endian: str
    offset: int
    length: int


def sphere_header(path: Path, file: BinaryIO, size: int) -> SphereHeader | None:
    """Read the header of a SPHERE file of `size` bytes; None if the file is none.

    Leaves the file at its start.

    Raises
    ------
    AudioError
        The header is broken, leaves out what is needed, promises more samples than there are, or the samples are
        kept in a way that is not read: compressed, or one channel after the other.
    """
    first = file.read(_FIRST)
    if not first.startswith(_MAGIC):
        file.seek(0)
        return None
    if first.startswith(_MAGIC + b"\r"):
        raise AudioError(
            path, "the line ends of the SPHERE header were changed, as by a copy in text mode: samples too"
        )
    match = _FIRST_LINES.fullmatch(first)
    length = int(match[1].strip() or b"0") if match and b" " not in match[1].strip() else 0
    if not _FIRST < length <= _LONGEST:
        raise AudioError(path, "the second line of the SPHERE header is not its length")
    content = first + file.read(length - _FIRST)
    if len(content) < length:
        raise AudioError(path, f"the file is cut short within its SPHERE header: {len(content)} bytes of {length:,}")
    file.seek(0)
    return _understood(path, _objects(path, content), length, size)


def _objects(path: Path, content: bytes) -> dict[str, bytes]:
    """Read the lines ``name -type value`` up to ``end_head``; a text, whose type tells its length, may hold breaks."""
    found: dict[str, bytes] = {}
    at, line = _FIRST, 3
    while (end := content.find(b"\n", at)) >= 0:
        text = content[at:end].rstrip()
        if text == b"end_head":
            return found
        if not text or text.startswith(b";"):
            at, line = end + 1, line + 1
            continue
        match = _OBJECT.match(content, at, end)
        if match is None:
            raise AudioError(path, f"line {line} of the SPHERE header is not of the form 'name -type value'")
        name = match[1].decode("latin-1")
        if match[3] is not None:
            end = content.find(b"\n", max(end, match.end() + int(match[3])))
            end = end if end >= 0 else len(content)
        elif not _NUMBER.fullmatch(content[match.end() : end].rstrip()) and match[2] == b"i":
            raise AudioError(path, f"{name[:40]!r} in line {line} of the SPHERE header is no whole number")
        value = content[match.end() : end].strip()
        if found.setdefault(name, value) != value:
            raise AudioError(path, f"{name[:40]!r} stands twice in the SPHERE header, with different values")
        line += content.count(b"\n", at, end) + 1
        at = end + 1
    raise AudioError(path, "the SPHERE header has no line 'end_head'")


def _understood(path: Path, objects: dict[str, bytes], offset: int, size: int) -> SphereHeader:
    coding = objects.get("sample_coding", b"pcm").decode("latin-1").strip().lower()
    if "embedded-" in coding:
        packer = coding.rpartition("embedded-")[2][:40]
        raise AudioError(
            path, f"the samples are compressed ({packer}), which is not read; sph2pipe makes a WAV of them"
        )
    rate = _number(path, objects, "sample_rate", 1, _HIGHEST_RATE)
    channels = _number(path, objects, "channel_count", 1, _MOST_CHANNELS, missing=1)
    if channels > 1 and objects.get("channels_interleaved", b"TRUE").strip().upper() == b"FALSE":
        raise AudioError(path, "the channels follow one another, which is not read")
    n_bytes = _number(path, objects, "sample_n_bytes", 1, 4, missing=None if coding == "pcm" else 1)
    subtype = _SUBTYPES.get((coding, n_bytes))
    if subtype is None:
        raise AudioError(path, f"samples of {n_bytes} bytes in the coding {coding[:40]!r} are not read")
    frame = n_bytes * channels
    there = max(size - offset, 0)
    frames = _number(path, objects, "sample_count", 0, 1 << 60, missing=there // frame)
    if frames * frame > there:
        raise AudioError(path, f"the audio is cut short: {there:,} bytes of samples of {frames * frame:,}")
    endian = _endian(path, objects, n_bytes)
    return SphereHeader(rate, channels, frames, subtype, endian, offset, frames * frame)


def _number(
    path: Path, objects: dict[str, bytes], name: str, low: int, high: int, *, missing: int | None = None
) -> int:
    value = objects.get(name)
    if value is None:
        if missing is not None:
            return missing
        raise AudioError(path, f"the SPHERE header has no {name!r}")
    match = _NUMBER.fullmatch(value)
    if match is None or not low <= int(match[1]) <= high:
        shown = value[:40].decode("latin-1")
        raise AudioError(path, f"{name!r} in the SPHERE header can not be {shown!r}")
    return int(match[1])


def _endian(path: Path, objects: dict[str, bytes], n_bytes: int) -> str:
    """Tell the order of bytes: ``sample_byte_format`` lists them by weight; SoX writes "01" for 24 bits and 32 too."""
    if n_bytes == 1:
        return "FILE"
    order = objects.get("sample_byte_format", b"").decode("latin-1")
    rising = "0123"[:n_bytes]
    if order in {rising, "01"}:
        return "LITTLE"
    if order in {rising[::-1], "10"}:
        return "BIG"
    raise AudioError(path, f"'sample_byte_format' in the SPHERE header can not be {order[:40]!r}")


class Samples(io.RawIOBase):
    """The samples of a SPHERE file as if they were a file of their own, without header; closes what it opened."""

    def __init__(self, path: Path, header: SphereHeader) -> None:
        super().__init__()
        self._file = path.open("rb")
        self._start, self._length, self._at = header.offset, header.length, 0

    def readable(self) -> bool:
        """Say that this can be read."""
        return True

    def seekable(self) -> bool:
        """Say that this can be read from anywhere."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a byte of the samples."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def tell(self) -> int:
        """Return the byte of the samples that comes next."""
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill a buffer as far as there are samples; return the number of bytes."""
        with memoryview(buffer).cast("B") as view:
            wanted = min(len(view), max(self._length - self._at, 0))
            self._file.seek(self._start + self._at)
            n = self._file.readinto(view[:wanted])
        self._at += n
        return n

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._file.close()
        super().close()
