from __future__ import annotations

import io
import os
import struct
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phonoscope.errors import AudioError
from phonoscope.signal.audio import AudioInfo, audio_info, load_audio

if TYPE_CHECKING:
    from pathlib import Path

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
        assert str(caught.value).endswith("Replace the file, or remove it together with its TextGrid.")


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
