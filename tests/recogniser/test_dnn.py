from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from phonoscope.errors import SettingError
from phonoscope.probing.activations import layer_shapes, write_activations
from phonoscope.probing.panel import draw_panel
from phonoscope.recogniser.building import build_recogniser
from phonoscope.recogniser.inference import predict
from phonoscope.recogniser.training import train
from phonoscope.settings import ProbingSettings, RecogniserSettings, Settings, SignalSettings

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeFrames, Spoken
    from phonoscope.corpus.types import Corpus
    from phonoscope.signal.frames import FrameTable

SMALL = SignalSettings(n_mels=22, context=2)


def settings(hidden: str = "40,30", activation: str = "relu", **changes: object) -> Settings:
    recogniser = RecogniserSettings(
        kind="dnn",
        hidden=hidden,
        activation=activation,  # type: ignore[arg-type]
        batch_size=32,
        precision="float32",
        **changes,  # type: ignore[arg-type]
    )
    return Settings(seed=3, signal=SMALL, recogniser=recogniser)


@pytest.fixture(scope="module")
def made(make_frames: MakeFrames) -> tuple[FrameTable, Corpus]:
    draws = np.random.default_rng(0)
    spoken: list[Spoken] = []
    for i in range(8):
        labels = np.cumsum(draws.integers(1, 3, 14)) % 3
        said = [("pai"[label], int(draws.integers(4, 10))) for label in labels]
        spoken.append((f"s{i % 4}", "validation" if i >= 6 else "train", said))
    return make_frames(spoken, "pai")


def test_there_are_as_many_parameters_as_the_sizes_ask_for() -> None:
    model = build_recogniser(33, Settings().changed({"recogniser.kind": "dnn", "recogniser.hidden": "50,20,60"}))
    expected = 50 * (1320 + 1) + 20 * (50 + 1) + 60 * (20 + 1) + 33 * (60 + 1)
    assert sum(p.numel() for p in model.parameters()) == expected
    assert model.layer_names == ("raw", "D1", "D2", "D3")


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_every_layer_equals_the_products_by_hand(activation: str) -> None:
    model = build_recogniser(4, settings(activation=activation)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:  # biases of zero would hide where they are added
                parameter.uniform_(-0.5, 0.5)
    draws = np.random.default_rng(0).standard_normal((5, 3, 5, 22))
    state = {name: tensor.double().numpy() for name, tensor in model.state_dict().items()}
    with torch.inference_mode():
        found = model.layers(torch.from_numpy(draws.astype(np.float32)))
        # as the frame table gives windows: coefficients last in memory
        last = torch.from_numpy(draws.astype(np.float32)).contiguous(memory_format=torch.channels_last)
        logits = model(last)
    assert tuple(found) == (*model.layer_names, "output")
    np.testing.assert_array_equal(found["raw"], draws.astype(np.float32))
    x = draws.reshape(5, -1)
    for name in ("D1", "D2"):
        x = x @ state[f"hidden.{name}.weight"].T + state[f"hidden.{name}.bias"]
        x = np.maximum(x, 0) if activation == "relu" else 1 / (1 + np.exp(-x))
        np.testing.assert_allclose(found[name], x, atol=1e-4)
    x = x @ state["output.weight"].T + state["output.bias"]
    np.testing.assert_allclose(found["output"], x, atol=1e-4)
    np.testing.assert_allclose(logits, x, atol=1e-4)


@pytest.mark.parametrize(("activation", "wider"), [("relu", 1), ("sigmoid", 4)])
def test_weights_start_in_glorot_s_interval(activation: str, wider: int) -> None:
    state = build_recogniser(3, settings(hidden="200,300", activation=activation)).state_dict()
    bounds = {"hidden.D1": wider * math.sqrt(6 / 530), "hidden.D2": wider * math.sqrt(6 / 500), "output": None}
    for name, bound in bounds.items():
        expected = bound or math.sqrt(6 / 303)
        assert 0.98 * expected < float(state[f"{name}.weight"].abs().max()) <= expected * (1 + 1e-6)
        assert (state[f"{name}.bias"] == 0).all()


@pytest.mark.parametrize(("activation", "epochs"), [("relu", 3), ("sigmoid", 8)])
def test_it_learns_what_is_easy_twice_the_same(
    made: tuple[FrameTable, Corpus], activation: str, epochs: int, tmp_path: Path
) -> None:
    frames, corpus = made
    asked = settings(hidden="60,50", activation=activation, max_epochs=epochs, dropout=0.1, learning_rate=0.05)
    (model, history), (again, _) = (train(frames, corpus, asked) for _ in range(2))
    assert history[-1].frame_accuracy > 0.9
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])
    other = build_recogniser(3, replace(asked, seed=4))
    other.load_state_dict(model.state_dict())
    rows = frames.labelled_rows(corpus, "validation")
    expected = predict(model, frames, rows, "softmax")
    np.testing.assert_array_equal(predict(other, frames, rows, "softmax"), expected)
    probing = ProbingSettings(n_per_phone=3, minimum=2)
    panel = draw_panel(frames, corpus, probing, 0, lambda rows: predict(model, frames, rows, "softmax"))
    write_activations(model, frames, panel, tmp_path)
    shapes = layer_shapes(model, frames)
    assert shapes == {"raw": (3, 5, 22), "D1": (60,), "D2": (50,)}
    assert {path.name for path in tmp_path.iterdir()} == {"layers.json", *(f"{name}.npy" for name in shapes)}


def test_dropout_follows_every_hidden_layer() -> None:
    model = build_recogniser(3, settings("7,9,8")).train()
    seen: list[tuple[int, ...]] = []
    model.dropout.register_forward_hook(  # type: ignore[union-attr]
        lambda _module, inputs, _output: seen.append(tuple(inputs[0].shape))
    )
    model(torch.zeros(2, 3, 5, 22))
    assert seen == [(2, 7), (2, 9), (2, 8)]


def test_the_untrained_network_is_the_paper_s_before_its_first_step() -> None:
    cnn, untrained = (
        build_recogniser(3, Settings(signal=SMALL).changed({"recogniser.kind": kind})) for kind in ("cnn", "untrained")
    )
    assert type(cnn) is type(untrained)
    for name, tensor in cnn.state_dict().items():
        assert torch.equal(tensor, untrained.state_dict()[name])


@pytest.mark.parametrize(("hidden", "sizes"), [("5", (5,)), ("1024, 7", (1024, 7)), (",".join("9" * 30), (9,) * 30)])
def test_sizes_are_read(hidden: str, sizes: tuple[int, ...]) -> None:
    assert RecogniserSettings(hidden=hidden).hidden_sizes == sizes


@pytest.mark.parametrize("hidden", ["", "0", "5,", "5;6", "-3", "2.5", "70000", "five", "²", ",".join("9" * 31)])
def test_what_is_no_list_of_sizes_is_named(hidden: str) -> None:
    with pytest.raises(SettingError, match=r"recogniser\.hidden = .*such as 1024,1024"):
        RecogniserSettings(hidden=hidden)
