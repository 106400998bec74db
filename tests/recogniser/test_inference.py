from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

import oracles
from phonoscope.recogniser import inference
from phonoscope.recogniser.building import build_recogniser
from phonoscope.recogniser.devices import resolve_precision
from phonoscope.recogniser.inference import network_input, predict
from phonoscope.settings import Settings, SignalSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from conftest import MakeFrames, Spoken
    from phonoscope.recogniser.network import Recogniser
    from phonoscope.signal.frames import FrameTable

SPOKEN: tuple[Spoken, ...] = (
    ("ann", "train", (("a", 9), ("p", 4))),
    ("bob", "validation", (("i", 5), (".", 3), ("a", 6))),
)


@pytest.fixture(scope="module")
def frames(make_frames: MakeFrames) -> FrameTable:
    return make_frames(SPOKEN, "pai")[0]


@pytest.fixture(scope="module")
def model() -> Recogniser:
    return build_recogniser(3, Settings(seed=1, signal=SignalSettings(n_mels=22, context=2)))


def by_hand(frames: FrameTable, row: int) -> NDArray[np.float64]:
    """One window, coefficients × time × mel, from the frames of its utterance alone."""
    i = int(np.flatnonzero(frames.offset <= row)[-1])
    return (
        oracles.window(frames.features(i), int(row - frames.offset[i]), frames.context)
        .transpose(2, 0, 1)
        .astype(np.float64)
    )


def all_rows(frames: FrameTable) -> NDArray[np.int64]:
    return np.concatenate([o + np.arange(c) for o, c in zip(frames.offset, frames.count, strict=True)])


def test_windows_equal_hand_gathered_ones(frames: FrameTable) -> None:
    rows = all_rows(frames)[::-1].copy()
    found = network_input(frames, rows)
    assert found.shape == (27, 3, 5, 22)
    assert found.is_contiguous(memory_format=torch.channels_last)
    for window, row in zip(found, rows, strict=True):
        np.testing.assert_array_equal(window, by_hand(frames, row).astype(np.float32))
    # the table's own way gives the same, coefficients last
    np.testing.assert_array_equal(found.permute(0, 2, 3, 1), frames.windows(rows))


@pytest.mark.parametrize("outputs", ["softmax", "sigmoid"])
def test_predict_equals_the_loops(frames: FrameTable, model: Recogniser, outputs: str) -> None:
    rows = all_rows(frames)[[0, 12, 13, 26, 5, 5]]
    found = predict(model, frames, rows, outputs)
    assert found.dtype == np.float32
    weights = {name: tensor.double().numpy() for name, tensor in model.state_dict().items()}
    for log_posterior, row in zip(found, rows, strict=True):
        logits = oracles.cnn_layers(weights, by_hand(frames, row))["output"]
        scores = np.exp(logits) if outputs == "softmax" else 1 / (1 + np.exp(-logits))
        np.testing.assert_allclose(np.exp(log_posterior), scores / scores.sum(), atol=1e-5)


def test_predict_in_bfloat16_is_close(frames: FrameTable, model: Recogniser) -> None:
    rows = all_rows(frames)
    exact = predict(model, frames, rows, "softmax")
    rough = predict(model, frames, rows, "softmax", dtype=torch.bfloat16)
    assert rough.dtype == np.float32
    np.testing.assert_allclose(np.exp(rough).sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(rough, exact, atol=0.1)
    assert not np.array_equal(rough, exact)


@pytest.mark.parametrize("batch", [1, 4, 26, 27, 100])
def test_batches_leave_no_seam(
    frames: FrameTable, model: Recogniser, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = all_rows(frames)
    expected = predict(model, frames, rows, "softmax")
    monkeypatch.setattr(inference, "BATCH", batch)
    np.testing.assert_allclose(predict(model, frames, rows, "softmax"), expected, atol=1e-5)
    assert predict(model, frames, rows[:0], "softmax").shape == (0, 3)


@pytest.mark.parametrize("training", [True, False])
def test_predict_does_without_dropout_and_leaves_the_mode(
    frames: FrameTable,
    model: Recogniser,
    training: bool,  # noqa: FBT001
) -> None:
    model.train(training)
    rows = all_rows(frames)
    first, again = (predict(model, frames, rows, "softmax") for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert model.training == training
    assert all(p.grad is None for p in model.parameters())


def test_precision_is_what_was_asked_for() -> None:
    assert resolve_precision("float32") is torch.float32
    assert resolve_precision("bfloat16") is torch.bfloat16
    assert resolve_precision("auto") in (torch.float32, torch.bfloat16)


def test_precision_is_found_where_torch_can_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    # any torch from 2.6 on may be installed, and the older ones have no such function
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert resolve_precision("auto") in (torch.float32, torch.bfloat16)
