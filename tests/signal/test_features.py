from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import oracles
from phonoscope.errors import SettingError
from phonoscope.settings import SignalSettings
from phonoscope.signal.features import deltas, features, filterbank

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE = 16_000
DEFAULT = SignalSettings()


def noise(n: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, n).astype(np.float32)


def impulse(n: int, at: int) -> NDArray[np.float32]:
    samples = np.zeros(n, np.float32)
    samples[at] = 0.9
    return samples


@settings(deadline=None)
@given(
    arrays(np.float32, st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=st.floats(-20, 20, width=16)),
    st.integers(1, 3),
)
def test_deltas_equal_the_formula(frames: NDArray[np.float32], reach: int) -> None:
    found = deltas(frames, reach)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, oracles.deltas(frames, reach), rtol=1e-4, atol=1e-4)


def test_a_straight_line_has_its_slope_and_a_constant_none() -> None:
    line = np.stack([3 * np.arange(10), np.full(10, 7)], axis=1).astype(np.float32)
    np.testing.assert_allclose(deltas(line)[2:-2], [[3, 0]] * 6, atol=1e-5)
    # at the start the first frame repeats: (1 (3 - 0) + 2 (6 - 0)) / (2 (1 + 4))
    np.testing.assert_allclose(deltas(line)[0], [1.5, 0], atol=1e-5)
    assert deltas(np.empty((0, 4), np.float32)).shape == (0, 4)


@pytest.mark.parametrize("n", [0, 1, 79, 80, 100, 160, 239, 240, 320, 1_000, 16_000, 16_079, 16_080])
def test_there_is_one_frame_a_hop_rounded_to_the_nearest(n: int) -> None:
    found = filterbank(noise(n), DEFAULT)
    assert found.dtype == np.float32
    assert found.shape == ((n + 80) // 160, 40)
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("rate", "hop", "window"),
    [
        (16_000, 10, 20),
        (16_000, 5, 25),
        (8_000, 10, 20),
        (44_100, 10, 20),
        (22_050, 20, 20),
    ],
)
def test_frame_i_is_centred_at_i_and_a_half_hops(rate: int, hop: float, window: float) -> None:
    signal = SignalSettings(sample_rate=rate, hop_ms=hop, window_ms=window)
    seconds = hop / 1000
    n = 12 * rate
    for i in (3, 400, round(11 / seconds)):
        energies = filterbank(impulse(n, round((i + 0.5) * seconds * rate)), signal).sum(axis=1)
        assert energies.argmax() == i
        heard = np.flatnonzero(energies > 0)
        assert abs(heard - i).max() * hop <= window / 2
    assert abs(len(energies) - 12 / seconds) <= 1


@pytest.mark.parametrize(("rate", "samples"), [(22_050, "220.5"), (11_025, "110.25")])
def test_a_hop_that_is_no_whole_number_of_samples_is_refused(rate: int, samples: str) -> None:
    with pytest.raises(SettingError, match=rf"signal\.hop_ms = 10\.0: at {rate} Hz that is {samples} samples"):
        SignalSettings(sample_rate=rate)


def test_more_filters_than_the_spectrum_holds_are_refused() -> None:
    with pytest.raises(SettingError, match=r"signal\.n_mels = 200"):
        filterbank(np.zeros(16_000, np.float32), SignalSettings(n_mels=200))


def test_an_impulse_between_two_frames_is_heard_in_both() -> None:
    energies = filterbank(impulse(RATE, 8_000), DEFAULT).sum(axis=1)
    assert np.flatnonzero(energies).tolist() == [49, 50]
    assert energies[49] == pytest.approx(energies[50], rel=1e-3)


def test_a_tone_is_in_its_filter_and_ten_times_louder_is_log_hundred_more() -> None:
    t = np.arange(RATE) / RATE
    tone = (0.05 * np.sin(2 * np.pi * 1_000 * t)).astype(np.float32)
    frames = filterbank(tone, DEFAULT)

    def mel(hz: float) -> float:
        return float(1127 * np.log(1 + hz / 700))

    # forty triangles whose peaks lie evenly in mel between 20 Hz and 8 kHz
    peaks = np.linspace(mel(20), mel(8_000), 42)[1:-1]
    assert (frames[5:-5].argmax(axis=1) == np.abs(peaks - mel(1_000)).argmin()).all()
    louder = filterbank(10 * tone, DEFAULT)
    band = frames[50].argmax()
    assert louder[50, band] - frames[50, band] == pytest.approx(np.log(100), abs=1e-3)


def test_silence_is_at_the_floor_and_an_offset_is_not_heard() -> None:
    assert (filterbank(np.zeros(RATE, np.float32), DEFAULT) == 0).all()
    plain, offset = filterbank(noise(RATE), DEFAULT), filterbank(noise(RATE) + np.float32(0.3), DEFAULT)
    np.testing.assert_allclose(offset[2:-2], plain[2:-2], atol=0.05)


def test_the_same_audio_gives_the_same_frames_wherever_it_lies() -> None:
    samples = noise(RATE)
    np.testing.assert_array_equal(filterbank(samples, DEFAULT), filterbank(samples.copy(), DEFAULT))
    later = np.concatenate([np.zeros(1_600, np.float32), samples])
    np.testing.assert_allclose(filterbank(later, DEFAULT)[12:-2], filterbank(samples, DEFAULT)[2:-2], atol=1e-3)
    kept = samples.copy()
    features(samples, DEFAULT)
    np.testing.assert_array_equal(samples, kept)


@pytest.mark.parametrize("n_mels", [22, 40, 64])
def test_features_are_static_delta_and_delta_of_delta(n_mels: int) -> None:
    signal = SignalSettings(n_mels=n_mels)
    found = features(noise(3_000), signal)
    static = filterbank(noise(3_000), signal)
    assert found.shape == (19, n_mels, 3)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[:, :, 0], static)
    first = oracles.deltas(static)
    np.testing.assert_allclose(found[:, :, 1], first, atol=1e-4)
    np.testing.assert_allclose(found[:, :, 2], oracles.deltas(first), atol=1e-4)
    assert features(noise(10), signal).shape == (0, n_mels, 3)
