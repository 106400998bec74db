"""The frames that are kept are those of the times asked for, however a network's frames lie."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from phonoscope.errors import ModelError
from phonoscope.models.adapter import Adapter
from phonoscope.models.times import Layer, frames_within, nearest_frames
from planted_models import FULL_SCALE, RATE, asked, clock, clocks, computed, gathered

if TYPE_CHECKING:
    from pathlib import Path

    from phonoscope.corpus.types import Corpus

SECONDS = {"long": 3.0, "short": 0.9, "odd": 1.2345}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return clocks(tmp_path_factory.mktemp("clocks"), SECONDS)


@settings(max_examples=25, deadline=None)
@given(
    kernel=st.integers(1, 400),
    stride=st.sampled_from([40, 80, 100, 128, 160]),
    padded=st.floats(0, 0.5),
    seed=st.integers(0, 99),
)
def test_an_activation_is_that_of_the_frame_at_its_time(
    corpus: Corpus, tmp_path_factory: pytest.TempPathFactory, kernel: int, stride: int, padded: float, seed: int
) -> None:
    padding = int(padded * kernel)
    adapter = clock(kernel, stride, padding)
    draws = np.random.default_rng(seed)
    names = draws.choice(list(SECONDS), 40)
    ends = np.array([SECONDS[name] for name in names])
    # frames whose receptive field lies within the audio, and times anywhere that these are nearest to
    first = np.ceil(padding / stride)
    last = np.floor((ends * RATE + padding - kernel) / stride)
    frames = np.round(first + draws.random(40) * (last - first))
    centres = adapter.offset + frames * adapter.hop
    times = centres + draws.uniform(-0.49, 0.49, 40) * adapter.hop
    samples = asked(names.tolist(), times)
    found = gathered(computed(adapter, "conv"), corpus, samples, tmp_path_factory.mktemp("activations"))
    np.testing.assert_allclose(found["conv"][:, 0] * FULL_SCALE, centres, atol=2e-6)


def test_an_utterance_within_a_recording_has_its_own_time(corpus: Corpus, tmp_path: Path) -> None:
    late = replace(corpus.utterances[0], start=1.0, duration=1.5)
    found = gathered(
        computed(clock(201, 80, 100), "conv"), replace(corpus, utterances=(late,)), asked(["long"], [0.8]), tmp_path
    )
    assert found["conv"][0, 0] * FULL_SCALE == pytest.approx(1.8, abs=1e-5)


def test_a_recording_of_another_rate_is_resampled(tmp_path: Path) -> None:
    corpus = clocks(tmp_path, {"u": 2.0}, rate=44_100)
    times = np.arange(0.5, 1.5, 0.01)
    found = gathered(computed(clock(401, 80, 200), "conv"), corpus, asked(["u"] * 100, times), tmp_path / "found")
    np.testing.assert_allclose(found["conv"][:, 0] * FULL_SCALE, times, atol=1e-4)


class Middle(nn.Module):
    """Passes the sample in the middle of a window."""

    def __init__(self, window: int) -> None:
        super().__init__()
        self.pick = nn.Linear(window, 1, bias=False)
        self.pick.weight.data = (torch.arange(window) == window // 2).float()[None]

    def forward(self, windows: Tensor) -> Tensor:
        picked: Tensor = self.pick(windows)
        return picked


@pytest.mark.parametrize(("window", "hop", "offset"), [(256, 0.01, 0.005), (1024, 0.01, 0.0), (31, 0.0125, 0.02)])
def test_windows_are_cut_around_the_times(
    corpus: Corpus, tmp_path: Path, window: int, hop: float, offset: float
) -> None:
    adapter = Adapter(Middle(window), RATE, hop, offset, window=window)
    draws = np.random.default_rng(0)
    names = draws.choice(list(SECONDS), 300)  # more than a batch, and the first and the last frame too
    last = np.array([int((SECONDS[name] - offset) / hop - 1e-6) for name in names])
    frames = np.where(draws.random(300) < 0.1, last, np.round(draws.random(300) * last))
    centres = offset + frames * hop
    times = centres + draws.uniform(-0.49, 0.49, 300) * hop
    found = gathered(computed(adapter), corpus, asked(names.tolist(), times), tmp_path)
    np.testing.assert_allclose(found["pick"][:, 0] * FULL_SCALE, centres, atol=1e-6)


class TwoRates(nn.Module):
    """A clock of 10 ms, whose frames are averaged two by two after that."""

    def __init__(self) -> None:
        super().__init__()
        self.fast = nn.Conv1d(1, 1, 1, 80, bias=False)
        self.fast.weight.data[:] = 1
        self.slow = nn.AvgPool1d(2)

    def forward(self, samples: Tensor) -> Tensor:
        slow: Tensor = self.slow(self.fast(samples[:, None]))
        return slow


def test_layers_of_other_rates_have_their_own_frames(corpus: Corpus, tmp_path: Path) -> None:
    adapter = Adapter(TwoRates(), RATE, 0.02, 0.005, timing={"fas*": (0.01, 0.0)})
    times = np.arange(0.1, 0.8, 0.013)
    found = gathered(computed(adapter), corpus, asked(["odd"] * len(times), times), tmp_path)
    fast, slow = (found[name][:, 0] * FULL_SCALE for name in ("fast", "slow"))
    np.testing.assert_allclose(fast, 0.01 * np.round(times / 0.01), atol=1e-5)
    np.testing.assert_allclose(slow, 0.005 + 0.02 * np.round((times - 0.005) / 0.02), atol=1e-5)
    # without its timing the faster layer is no layer of this network
    source = computed(Adapter(TwoRates(), RATE, 0.02, 0.005))
    assert list(source.layers(corpus.utterances)) == ["slow"]
    assert "fast gives a frame every 10 ms, and the adapter says every 20 ms" in source.notes[0]


def test_a_sample_may_be_the_mean_over_its_segment(corpus: Corpus, tmp_path: Path) -> None:
    times, half = np.arange(0.2, 0.7, 0.017), 0.033
    samples = asked(["short"] * len(times), times, half)
    found = gathered(computed(clock(81, 80, 40), "conv"), corpus, samples, tmp_path, mean=True)
    centres = np.arange(90) * 0.01
    expected = [centres[(centres >= t - half - 1e-9) & (centres < t + half - 1e-9)].mean() for t in times]
    np.testing.assert_allclose(found["conv"][:, 0] * FULL_SCALE, expected, atol=1e-5)
    # a segment without a frame has the one nearest to its middle
    tiny = asked(["short"], [0.2031], 0.001)
    found = gathered(computed(clock(81, 80, 40), "conv"), corpus, tiny, tmp_path / "tiny", mean=True)
    assert found["conv"][0, 0] * FULL_SCALE == pytest.approx(0.2, abs=1e-5)


@pytest.mark.parametrize("mean", [False, True])
def test_a_time_beyond_the_end_names_the_utterance(corpus: Corpus, tmp_path: Path, mean: bool) -> None:  # noqa: FBT001
    samples = asked(["long", "short"], [2.9, 1.5])
    with pytest.raises(ModelError, match=r"utterance short: layer conv has no frame at 1\.500 s .*of 90 frames.*10 ms"):
        gathered(computed(clock(1, 80, 0), "conv"), corpus, samples, tmp_path, mean=mean)
    assert not list(tmp_path.iterdir()), "half a table was left behind"


@settings(max_examples=50)
@given(
    hop=st.floats(0.001, 0.05),
    offset=st.floats(-0.05, 0.05),
    n=st.integers(1, 300),
    shares=st.lists(st.floats(0, 1), min_size=1, max_size=20),
)
def test_nearest_frames_are_the_nearest(hop: float, offset: float, n: int, shares: list[float]) -> None:
    centres = offset + hop * np.arange(n)
    times = centres[0] - hop + np.array(shares) * (centres[-1] - centres[0] + 2 * hop)
    found = nearest_frames(times, Layer("l", (1,), hop, offset), n, "u")
    distances = np.abs(times[:, None] - centres)
    assert found.min() >= 0
    np.testing.assert_allclose(distances[np.arange(len(times)), found], distances.min(axis=1), atol=2e-6 * hop)


def test_of_two_equally_near_frames_it_is_the_earlier_one_whatever_is_rounded() -> None:
    layer = Layer("l", (1,), 0.01, 0.005)
    middles = 0.01 * np.arange(1, 500, dtype=np.float64)
    np.testing.assert_array_equal(nearest_frames(middles, layer, 500, "u"), np.arange(499))
    np.testing.assert_array_equal(nearest_frames(middles + 0.005, layer, 500, "u"), np.arange(1, 500))


@settings(max_examples=50)
@given(hop=st.sampled_from([0.005, 0.01, 0.02]), start=st.integers(0, 200), length=st.integers(1, 80))
def test_frames_within_are_those_whose_centres_are(hop: float, start: int, length: int) -> None:
    layer, n = Layer("l", (1,), hop, hop / 2), round(0.4 / hop)
    # times are whole milliseconds, as are half hops or their halves: compared as such, nothing is rounded
    centres = [hop * 10_000 / 2 + hop * 10_000 * i for i in range(n)]
    within = [i for i, c in enumerate(centres) if start * 10 <= round(c) < (start + length) * 10]
    (found,) = frames_within(np.array([start / 1000]), np.array([(start + length) / 1000]), layer, n, "u")
    if within:
        assert found.tolist() == within
    else:
        middle = start * 10 + length * 5
        assert len(found) == 1
        assert abs(centres[found[0]] - middle) == pytest.approx(min(abs(c - middle) for c in centres))


def test_an_utterance_too_short_for_a_frame_is_named() -> None:
    with pytest.raises(ModelError, match=r"utterance u: layer l has no frame at 0\.010 s \(it has no frames"):
        nearest_frames(np.array([0.01]), Layer("l", (1,), 0.01, 0.0), 0, "u")
