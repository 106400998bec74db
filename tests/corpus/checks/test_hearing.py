from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from phonoscope.corpus.checks.hearing import FLOOR, FRAMES, hear
from phonoscope.errors import AudioError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100])
def test_levels_are_those_of_the_frames(tmp_path: Path, rate: int) -> None:
    x = np.random.default_rng(0).normal(0, 0.1, (5 * rate + 77, 2)).clip(-0.9, 0.9)
    x[rate : 2 * rate] = 0
    soundfile.write(tmp_path / "1.wav", x, rate, subtype="FLOAT")
    found = hear(tmp_path / "1.wav", {None, 1})
    for channel, samples in ((None, x.mean(axis=1)), (1, x[:, 1])):
        sound = found[channel]
        edges = [i * rate // FRAMES for i in range(len(sound.levels) + 1)]
        naive = [samples[a:b].var() for a, b in pairwise(edges)]
        assert len(sound.levels) == len(x) * FRAMES // rate
        np.testing.assert_allclose(sound.levels, 10 * np.log10(np.maximum(naive, 10 ** (FLOOR / 10))), atol=1e-3)
        assert sound.peak == pytest.approx(np.abs(samples).max(), rel=1e-6)
        assert sound.clipped == 0


@pytest.mark.parametrize("ceiling", [1.0, 0.5])
def test_peaks_that_are_cut_off_are_counted(tmp_path: Path, ceiling: float) -> None:
    t = np.arange(80_000) / 16_000
    x = 0.2 * np.sin(2 * np.pi * 100 * t)
    x[40_000:48_000] *= 10
    soundfile.write(tmp_path / "1.wav", x.clip(-ceiling, ceiling), 16_000)
    sound = hear(tmp_path / "1.wav", {0})[0]
    assert sound.clipped == 100  # 50 periods, both ways
    assert sound.first_clipped == pytest.approx(2.5, abs=0.01)


def test_no_peak_of_a_tone_is_cut_off(tmp_path: Path) -> None:
    for peak in (0.01, 0.2, 0.99):
        soundfile.write(tmp_path / "1.wav", peak * np.sin(np.arange(40_000) / 7), 16_000)
        assert hear(tmp_path / "1.wav", {0})[0].clipped == 0


def test_a_recording_shorter_than_a_frame_has_one_level(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "1.wav", np.array([0.5, -0.5]), 16_000)
    assert hear(tmp_path / "1.wav", {None})[None].levels == pytest.approx([-6.02], abs=0.01)


def test_what_is_no_audio_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1.wav").write_bytes(b"no audio")
    with pytest.raises(AudioError):
        hear(tmp_path / "1.wav", {None})
