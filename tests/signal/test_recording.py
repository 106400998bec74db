"""The utterances of one recording, decoded once: held to the recording decoded whole."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
import soxr

from phonoscope.errors import AudioError
from phonoscope.settings import SignalSettings
from phonoscope.signal.audio import load_audio
from phonoscope.signal.features import filterbank
from phonoscope.signal.recording import Stretch, recording_features

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SIGNAL = SignalSettings()
RATE = 16_000


def written(path: Path, seconds: float, rate: int, channels: int) -> NDArray[np.float32]:
    samples = np.random.default_rng(rate + channels).uniform(-0.5, 0.5, (round(seconds * rate), channels))
    soundfile.write(path, samples, rate)
    decoded: NDArray[np.float32] = soundfile.read(path, dtype="float32", always_2d=True)[0]
    return decoded


def drawn(n: int, seconds: float, channels: int) -> list[Stretch]:
    draws = np.random.default_rng(n)
    numbers = [None, *range(channels)]
    return [
        Stretch(float(start), float(length), numbers[i % len(numbers)])
        for i, (start, length) in enumerate(
            zip(draws.uniform(0, seconds - 0.5, n), draws.uniform(0.001, 3, n), strict=True)
        )
    ]


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (16_000, 3), (44_100, 2), (8_000, 1), (48_000, 2)])
def test_stretches_are_cut_out_of_the_whole(tmp_path: Path, rate: int, channels: int) -> None:
    path = tmp_path / "long.flac"
    audio = written(path, 12.34, rate, channels)
    stretches = [Stretch(0.0, 12.34, None), Stretch(12.0, 5.0, None), *drawn(25, 12.34, channels)]
    found = recording_features(path, stretches, SIGNAL)
    assert len(found) == len(stretches)
    for stretch, static in zip(stretches, found, strict=True):
        mono = audio.mean(axis=1, dtype=np.float32) if stretch.channel is None else audio[:, stretch.channel]
        whole = mono if rate == RATE else np.clip(soxr.resample(mono, rate, RATE), -1, 1)
        first, last = (round(t * RATE) for t in (stretch.start, stretch.start + stretch.duration))
        np.testing.assert_array_equal(static, filterbank(whole[first : max(last, first + 1)], SIGNAL))


@pytest.mark.parametrize("rate", [16_000, 22_050])
def test_it_is_what_an_utterance_alone_gives(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "long.wav"
    written(path, 8.0, rate, 2)
    for stretch in drawn(8, 8.0, 2):
        (found,) = recording_features(path, [stretch], SIGNAL)
        audio = load_audio(path, RATE, start=stretch.start, duration=stretch.duration, channel=stretch.channel)
        np.testing.assert_allclose(found, filterbank(audio, SIGNAL), atol=1e-3)


def test_a_recording_is_decoded_once_and_only_as_far_as_it_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "long.wav"
    written(path, 60.0, RATE, 1)
    read = []
    plain = soundfile.SoundFile.read

    def counting(self: soundfile.SoundFile, frames: int, **how: object) -> NDArray[np.float32]:
        block: NDArray[np.float32] = plain(self, frames, **how)
        read.append(len(block))
        return block

    monkeypatch.setattr(soundfile.SoundFile, "read", counting)
    recording_features(path, drawn(40, 20.0, 1), SIGNAL)
    assert 19 * RATE < sum(read) < 30 * RATE


def test_no_more_audio_is_held_than_some_blocks(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", RATE, 2) as file:
        for _ in range(240):
            file.write(np.zeros((RATE, 2)))
    tracemalloc.start()
    recording_features(path, [Stretch(float(t), 3.0, t % 2) for t in range(0, 240, 3)], SIGNAL)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    features = 240 * 100 * 40 * 4
    assert peak < features + 6e6  # the audio alone is 31 MB as float32


def test_what_can_not_be_cut_out_is_named(tmp_path: Path) -> None:
    path = tmp_path / "short.wav"
    written(path, 2.0, RATE, 2)
    with pytest.raises(AudioError, match=r"short\.wav: has 2 channels, channel 2"):
        recording_features(path, [Stretch(0, 1, 0), Stretch(0, 1, 2)], SIGNAL)
    with pytest.raises(AudioError, match=r"ends at 2\.00 s, before the stretch that starts at 2\.50 s"):
        recording_features(path, [Stretch(0, 1, 0), Stretch(2.5, 1, None)], SIGNAL)


@pytest.mark.parametrize(("bad", "told"), [(np.nan, r"at 1\.500 s is not a finite number"), (900.0, "reach 900")])
def test_samples_that_are_no_audio_are_named(tmp_path: Path, bad: float, told: str) -> None:
    path = tmp_path / "bad.wav"
    samples = np.zeros(3 * RATE)
    samples[RATE * 3 // 2] = bad
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    with pytest.raises(AudioError, match=told):
        recording_features(path, [Stretch(0.5, 2.0, None)], SIGNAL)


def test_a_recording_that_is_cut_short_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cut.flac"
    written(path, 20.0, RATE, 1)
    path.write_bytes(path.read_bytes()[:200_000])
    with pytest.raises(AudioError, match=r"cut short|can not be decoded"):
        recording_features(path, [Stretch(0.0, 20.0, None)], SIGNAL)
