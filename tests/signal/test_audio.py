from __future__ import annotations

import io
import os
import pickle
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phonoscope.errors import AudioError, BrokenFilesError, TextGridError
from phonoscope.signal.audio import AudioInfo, audio_info, load_audio

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE = 16_000


def ramp(n: int, channels: int = 1) -> NDArray[np.float32]:
    return np.linspace(-0.9, 0.9, n * channels, dtype=np.float32).reshape(n, channels)


def encoded(samples: NDArray[np.float32], kind: str = "WAV", subtype: str | None = "PCM_16", rate: int = RATE) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=kind, subtype=subtype)
    return buffer.getvalue()


def put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def wav_with_sizes(content: bytes, riff: int, data: int) -> bytes:
    """The same WAV, its two size fields as a program leaves them that can not go back to write them."""
    at = content.index(b"data")
    return content[:4] + struct.pack("<I", riff) + content[8 : at + 4] + struct.pack("<I", data) + content[at + 8 :]


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAVEX", "PCM_24"), ("FLAC", "PCM_16"), ("RF64", "PCM_16")],
)
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_samples_come_back_as_the_mean_of_the_channels(tmp_path: Path, kind: str, subtype: str, channels: int) -> None:
    samples = ramp(70_000, channels)
    path = put(tmp_path / "x", encoded(samples, kind, subtype))
    assert audio_info(path) == AudioInfo(RATE, channels, 70_000)
    loaded = load_audio(path, RATE)
    assert loaded.dtype == np.float32
    assert loaded.shape == (70_000,)
    np.testing.assert_allclose(loaded, samples.mean(axis=1), atol=2**-15)


def test_duration_is_in_seconds() -> None:
    assert AudioInfo(8_000, 2, 12_000).duration == 1.5


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000])
def test_a_tone_stays_where_it_is_in_any_rate(tmp_path: Path, rate: int) -> None:
    seconds = np.arange(rate) / rate
    tone = (0.5 * np.sin(2 * np.pi * 1_000 * seconds)).astype(np.float32)
    loaded = load_audio(put(tmp_path / "x.wav", encoded(tone[:, None], rate=rate)), RATE)
    assert abs(len(loaded) - RATE) <= 1
    wanted = 0.5 * np.sin(2 * np.pi * 1_000 * np.arange(RATE) / RATE)
    inner = slice(1_000, 15_000)  # the filter rings at the ends
    np.testing.assert_allclose(loaded[inner], wanted[inner], atol=2e-3)


def test_ogg_is_read(tmp_path: Path) -> None:
    path = put(tmp_path / "x.OGG", encoded(ramp(RATE), "OGG", "VORBIS"))
    assert audio_info(path) == AudioInfo(RATE, 1, RATE)
    assert len(load_audio(path, RATE)) == RATE


def test_beyond_full_scale_is_clipped(tmp_path: Path) -> None:
    loud = np.array([[-1.5], [0.25], [1.5]], np.float32)
    np.testing.assert_array_equal(
        load_audio(put(tmp_path / "x.wav", encoded(loud, subtype="FLOAT")), RATE), [-1, 0.25, 1]
    )


@pytest.mark.parametrize(
    ("riff", "data"), [(0xFFFF_FFFF, 0xFFFF_FFFF), (0x7FFF_F024, 0x7FFF_F000), (0, 0), (0xFFFF_FFFF, 0)]
)
def test_a_wav_from_a_pipe_is_whole(tmp_path: Path, riff: int, data: int) -> None:
    samples = ramp(1_000)
    path = put(tmp_path / "x.wav", wav_with_sizes(encoded(samples), riff, data))
    assert audio_info(path).frames == 1_000
    np.testing.assert_allclose(load_audio(path, RATE), samples[:, 0], atol=2**-15)


def test_a_flac_from_a_pipe_is_whole(tmp_path: Path) -> None:
    content = bytearray(encoded(ramp(100_000), "FLAC"))
    content[21] &= 0xF0  # of STREAMINFO, the 36 bits of the number of samples
    content[22:26] = bytes(4)
    path = put(tmp_path / "x.flac", bytes(content))
    assert audio_info(path) == AudioInfo(RATE, 1, 100_000)
    assert len(load_audio(path, RATE)) == 100_000


def test_chunks_before_and_after_the_samples_do_not_matter(tmp_path: Path) -> None:
    content = encoded(ramp(1_000))
    at = content.index(b"data")
    odd = b"junk" + struct.pack("<I", 3) + b"abc\0"
    path = put(tmp_path / "x.wav", content[:at] + odd + content[at:] + odd)
    assert audio_info(path).frames == 1_000


def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux takes any bytes as a name")
    path = tmp_path / os.fsdecode("été.wav".encode("latin-1"))
    assert audio_info(put(path, encoded(ramp(100)))).frames == 100


def refused(path: Path, problem: str, *, by_header: bool = True) -> None:
    """Check that loading, and where it can be seen there, reading the header raise with file and problem."""
    calls = [lambda: load_audio(path, RATE)] + ([lambda: audio_info(path)] if by_header else [])
    for call in calls:
        with pytest.raises(AudioError, match=problem) as caught:
            call()
        assert str(caught.value).startswith(f"{path}: ")
        assert str(caught.value).endswith("Replace the file, or remove it together with its alignment.")


def test_what_can_not_be_audio(tmp_path: Path) -> None:
    refused(tmp_path / "none.wav", r"the file can not be read \(No such file or directory\)")
    refused(tmp_path, r"the file can not be read \(Is a directory\)")
    refused(put(tmp_path / "0.wav", b""), "the file is empty")
    refused(put(tmp_path / "text.wav", b"this is a text\n" * 100), "this is not audio that can be read")
    refused(put(tmp_path / "head.wav", encoded(ramp(1_000))[:30]), "this is not audio that can be read")
    refused(put(tmp_path / "head.flac", encoded(ramp(1_000), "FLAC")[:20]), "this is not audio that can be read")


def test_no_samples(tmp_path: Path) -> None:
    refused(put(tmp_path / "x.wav", encoded(ramp(0))), "the file holds no samples")


def test_a_wav_cut_short_is_seen_in_its_header(tmp_path: Path) -> None:
    path = put(tmp_path / "x.wav", encoded(ramp(RATE))[:10_044])
    refused(path, "the audio is cut short: 10,000 bytes of samples of 32,000")


def test_a_flac_cut_short_is_seen_when_it_is_decoded(tmp_path: Path) -> None:
    content = encoded(ramp(RATE * 4) * np.random.default_rng(0).uniform(size=(RATE * 4, 1)).astype(np.float32), "FLAC")
    path = put(tmp_path / "x.flac", content[: len(content) // 2])
    refused(path, r"the audio is cut short: [12]\.\d\d s of 4\.00 s|the audio can not be decoded", by_header=False)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_no_number(tmp_path: Path, value: float) -> None:
    samples = ramp(RATE)
    samples[8_000:, 0] = value
    path = put(tmp_path / "x.wav", encoded(samples, subtype="FLOAT"))
    refused(path, r"a sample at 0\.500 s is not a finite number", by_header=False)


def test_floats_that_were_never_scaled(tmp_path: Path) -> None:
    path = put(tmp_path / "x.wav", encoded(ramp(100) * 32_768, subtype="FLOAT"))
    refused(path, "samples reach 29491.2, but have to be scaled", by_header=False)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(
    st.sampled_from([("WAV", "PCM_16"), ("WAV", "FLOAT"), ("FLAC", "PCM_16")]),
    st.lists(st.tuples(st.integers(0, 150), st.binary(max_size=4)), max_size=4),
    st.integers(0, 1_000),
)
def test_mutated_files_are_read_or_refused(
    tmp_path: Path, form: tuple[str, str], changes: list[tuple[int, bytes]], missing: int
) -> None:
    content = bytearray(encoded(ramp(400), *form))
    for at, new in changes:
        content[at : at + len(new)] = new
    path = put(tmp_path / "x.wav", bytes(content[: len(content) - missing]))
    for call in (audio_info, lambda path: load_audio(path, 8_000)):
        try:
            call(path)
        except AudioError as error:
            assert str(error).startswith(f"{path}: ")  # noqa: PT017 (no error is right too)


# --- stretches and channels ---


def speechlike(seconds: float, channels: int = 1, rate: int = RATE) -> NDArray[np.float32]:
    shape = (round(seconds * rate), channels)
    return (0.3 * np.random.default_rng(1).standard_normal(shape).cumsum(axis=0) % 1.0 - 0.5).astype(np.float32)


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG", "AIFF", "AU", "NIST", "MP3"])
@pytest.mark.parametrize("source_rate", [16_000, 44_100, 8_000])
def test_a_stretch_is_what_the_whole_file_has_there(tmp_path: Path, form: str, source_rate: int) -> None:
    samples = speechlike(4.0, 1, source_rate)
    path = put(
        tmp_path / "x.audio", encoded(samples, form, rate=source_rate, subtype=None if form != "NIST" else "PCM_16")
    )
    whole = load_audio(path, RATE)
    for start, duration in ((0.0, 1.0), (1.2345, 0.777), (3.5, 0.5), (2.0, None), (3.9, 5.0)):
        first = round(start * RATE)
        last = len(whole) if duration is None else min(round((start + duration) * RATE), len(whole))
        found = load_audio(path, RATE, start=start, duration=duration)
        assert len(found) == last - first
        loose = 2e-2 if form in {"OGG", "MP3"} else 2e-4  # the filter of soxr has a dither of its own
        np.testing.assert_allclose(found, whole[first:last], atol=loose)


@given(st.floats(0, 1.9), st.floats(0, 3), st.sampled_from([8_000, 11_025, 16_000, 22_050, 48_000]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_neighbouring_stretches_join(tmp_path: Path, middle: float, end: float, source_rate: int) -> None:
    path = tmp_path / f"{source_rate}.flac"
    if not path.exists():
        put(path, encoded(speechlike(2.0, 1, source_rate), "FLAC", rate=source_rate))
    end = middle + end
    both = load_audio(path, RATE, duration=end)
    parts = [load_audio(path, RATE, duration=middle), load_audio(path, RATE, start=middle, duration=end - middle)]
    if middle == 0:
        parts = parts[1:]  # a stretch without a duration has one sample
    assert abs(len(np.concatenate(parts)) - len(both)) <= 1
    n = min(len(both), sum(map(len, parts)))
    if middle > 1 / source_rate:
        np.testing.assert_allclose(np.concatenate(parts)[:n], both[:n], atol=2e-4)


def test_only_the_stretch_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path / "long.flac", encoded(speechlike(60.0), "FLAC"))
    read: list[int] = []
    usual = soundfile.SoundFile.read

    def counting(self: soundfile.SoundFile, frames: int, **how: object) -> object:
        read.append(frames)
        return usual(self, frames, **how)

    monkeypatch.setattr(soundfile.SoundFile, "read", counting)
    assert len(load_audio(path, RATE, start=50.0, duration=1.5)) == 24_000
    assert sum(read) <= 24_000


def test_a_stretch_of_a_file_whose_length_is_open(tmp_path: Path) -> None:
    content = bytearray(encoded(ramp(100_000), "FLAC"))
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    path = put(tmp_path / "x.flac", bytes(content))
    np.testing.assert_array_equal(
        load_audio(path, RATE, start=2.0, duration=1.0), load_audio(path, RATE)[32_000:48_000]
    )


def test_a_channel_alone_and_one_that_is_not_there(tmp_path: Path) -> None:
    samples = speechlike(1.0, 2)
    path = put(tmp_path / "x.wav", encoded(samples, subtype="FLOAT"))
    for channel in (0, 1):
        np.testing.assert_array_equal(load_audio(path, RATE, channel=channel), samples[:, channel])
    np.testing.assert_allclose(load_audio(path, RATE), samples.mean(axis=1), atol=1e-6)
    for channel in (2, -1):
        with pytest.raises(AudioError, match=rf"has 2 channels, channel {channel} \(counted from 0\) was asked for"):
            load_audio(path, RATE, channel=channel)


def test_a_stretch_after_the_end(tmp_path: Path) -> None:
    path = put(tmp_path / "x.wav", encoded(ramp(RATE)))
    with pytest.raises(AudioError, match=r"ends at 1\.00 s, before the stretch that starts at 1\.50 s"):
        load_audio(path, RATE, start=1.5, duration=1.0)


def test_the_time_of_a_bad_sample_is_that_of_the_file(tmp_path: Path) -> None:
    samples = ramp(2 * RATE)
    samples[24_000] = np.nan
    path = put(tmp_path / "x.wav", encoded(samples, subtype="FLOAT"))
    assert len(load_audio(path, RATE, duration=1.0)) == RATE
    with pytest.raises(AudioError, match=r"a sample at 1\.500 s is not a finite number"):
        load_audio(path, RATE, start=1.0, duration=1.0)


def test_what_shorten_compressed_is_named(tmp_path: Path) -> None:
    head = b"NIST_1A\n   1024\nsample_rate -i 16000\nsample_coding -s26 pcm,embedded-shorten-v2.00\nend_head\n"
    path = put(tmp_path / "x.sph", head.ljust(1024) + b"ajkg" + bytes(100))
    for call in (lambda: load_audio(path, RATE), lambda: audio_info(path)):
        with pytest.raises(AudioError, match=r"compressed \(shorten.*sph2pipe"):
            call()


def test_an_error_comes_back_from_another_process() -> None:
    error = TextGridError(Path("x"), 3, "it is odd")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (type(again), str(again)) == (TextGridError, str(error))
    several = BrokenFilesError([error, AudioError(Path("y"), "no")])
    again = pickle.loads(pickle.dumps(several))  # noqa: S301
    assert (str(again), [str(e) for e in again.problems]) == (str(several), [str(e) for e in several.problems])
