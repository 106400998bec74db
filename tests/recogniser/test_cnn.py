from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import oracles
from phonoscope.recogniser.building import build_recogniser
from phonoscope.recogniser.cnn import LAYERS, PaperCNN
from phonoscope.recogniser.network import Dropout, Recogniser, log_posteriors
from phonoscope.settings import Settings, SignalSettings


def windows(n: int = 2, seed: int = 0) -> torch.Tensor:
    draws = np.random.default_rng(seed).standard_normal((n, 3, 11, 40))
    return torch.from_numpy(draws.astype(np.float32))


@pytest.fixture(scope="module")
def model() -> Recogniser:
    return build_recogniser(33, Settings())


def test_layers_have_the_paper_s_shapes(model: Recogniser) -> None:
    with torch.inference_mode():
        shapes = {name: tuple(found.shape) for name, found in model.layers(windows(4)).items()}
    assert shapes == {
        "raw": (4, 3, 11, 40),
        "conv1": (4, 32, 9, 36),
        "mp1": (4, 32, 9, 12),
        "conv2": (4, 64, 7, 8),
        "mp2": (4, 64, 7, 4),
        "D1": (4, 1024),
        "D2": (4, 1024),
        "D3": (4, 1024),
        "output": (4, 33),
    }
    assert tuple(shapes) == (*LAYERS, "output")
    widths = [math.prod(shapes[name][1:]) for name in LAYERS]
    assert widths == [1_320, 10_368, 3_456, 3_584, 1_792, 1_024, 1_024, 1_024]


def test_there_are_as_many_parameters_as_the_shapes_ask_for(model: Recogniser) -> None:
    convolutions = 32 * (3 * 3 * 5 + 1) + 64 * (32 * 3 * 5 + 1)
    dense = 1024 * (1792 + 1) + 2 * 1024 * (1024 + 1) + 33 * (1024 + 1)
    assert sum(p.numel() for p in model.parameters()) == convolutions + dense == 4_001_313


@pytest.mark.parametrize(("context", "n_mels"), [(2, 22), (5, 40), (7, 64)])
def test_other_windows_fit_too(context: int, n_mels: int) -> None:
    model = build_recogniser(5, Settings(signal=SignalSettings(context=context, n_mels=n_mels)))
    assert model(torch.zeros(2, 3, 2 * context + 1, n_mels)).shape == (2, 5)


def test_weights_start_in_glorot_s_interval_and_biases_at_zero(model: Recogniser) -> None:
    # fan in and fan out count the places of a kernel
    fans = {
        "conv1": (3 * 15, 32 * 15),
        "conv2": (32 * 15, 64 * 15),
        "D1": (1792, 1024),
        "D2": (1024, 1024),
        "D3": (1024, 1024),
        "output": (1024, 33),
    }
    state = model.state_dict()
    assert set(state) == {f"{name}.{kind}" for name in fans for kind in ("weight", "bias")}
    for name, (fan_in, fan_out) in fans.items():
        bound = math.sqrt(6 / (fan_in + fan_out))
        weights = state[f"{name}.weight"]
        assert float(weights.abs().max()) <= bound * (1 + 1e-6)
        assert float(weights.abs().max()) > 0.98 * bound
        assert float(weights.std()) == pytest.approx(bound / math.sqrt(3), rel=0.05)
        assert (state[f"{name}.bias"] == 0).all()


def test_every_layer_equals_the_loops() -> None:
    model = build_recogniser(7, Settings(seed=3)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:  # biases of zero would hide where they are added
                parameter.uniform_(-0.5, 0.5)
    weights = {name: tensor.double().numpy() for name, tensor in model.state_dict().items()}
    image = windows(1)
    expected = oracles.cnn_layers(weights, image[0].double().numpy())
    with torch.inference_mode():
        found = model.layers(image)
        channels_last = model.layers(image.contiguous(memory_format=torch.channels_last))
        logits = model(image)
    assert list(found) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name][0], values, atol=1e-4)
        np.testing.assert_allclose(channels_last[name][0], values, atol=1e-4)
    np.testing.assert_allclose(logits[0], expected["output"], atol=1e-4)


def test_layers_are_those_of_the_forward_pass_and_without_dropout(model: Recogniser) -> None:
    with torch.inference_mode():
        model.eval()
        silent = model(windows())
        layers = model.layers(windows())
        torch.testing.assert_close(layers["output"], silent)
        model.train()
        torch.testing.assert_close(model.layers(windows())["output"], silent)
        assert not torch.allclose(model(windows()), silent)
        model.eval()
    assert all((layers[name] >= 0).all() for name in LAYERS[1:])


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.8])
def test_dropout_silences_its_share_and_keeps_the_mean(probability: float) -> None:
    dropout = Dropout(probability).train()
    dropout.seed(0)
    x = torch.full((1000, 300), 2.0)
    found = dropout(x)
    silenced = float((found == 0).float().mean())
    assert silenced == pytest.approx(probability, abs=0.004)  # four standard deviations
    kept = found[found > 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 2 / (1 - probability)), rtol=1e-4, atol=0)
    assert float(found.mean()) == pytest.approx(2, rel=0.02)
    # neither a unit nor a sample is silenced more than the others
    assert (found == 0).float().mean(dim=0).std() < 0.03
    assert (found == 0).float().mean(dim=1).std() < 0.04
    assert not torch.equal(dropout(x), found)


def test_dropout_is_off_outside_of_training_and_at_zero() -> None:
    x = torch.ones(10, 10)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0).train()(x) is x


def test_dropout_passes_the_gradient_of_what_it_kept() -> None:
    dropout = Dropout(0.5).train()
    x = torch.ones(50, 50, requires_grad=True)
    found = dropout(x)
    found.sum().backward()
    torch.testing.assert_close(x.grad, found.detach())


def test_masks_follow_torch_s_seed() -> None:
    x = torch.ones(40, 40)
    found = []
    for seed in (1, 1, 2):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            found.append(Dropout(0.5).train()(x))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_dropout_is_on_the_dense_layers_only() -> None:
    model = PaperCNN(4).train()
    seen: list[tuple[int, ...]] = []
    model.dropout.register_forward_hook(lambda _module, inputs, _output: seen.append(tuple(inputs[0].shape)))
    model(windows(2))
    assert seen == [(2, 1024)] * 3
    assert sum(isinstance(m, Dropout | nn.Dropout) for m in model.modules()) == 1


def test_log_posteriors_by_hand() -> None:
    logits = torch.tensor([[0.0, math.log(3.0), -math.log(3.0)]])
    # softmax: 1 : 3 : 1/3
    np.testing.assert_allclose(log_posteriors(logits, "softmax").exp(), [[3 / 13, 9 / 13, 1 / 13]], rtol=1e-6)
    # sigmoid: 1/2, 3/4 and 1/4, which sum to 3/2
    np.testing.assert_allclose(log_posteriors(logits, "sigmoid").exp(), [[1 / 3, 1 / 2, 1 / 6]], rtol=1e-6)


@pytest.mark.parametrize("outputs", ["softmax", "sigmoid"])
@pytest.mark.parametrize("scale", [1.0, 50.0, 1000.0])
def test_posteriors_sum_to_one_however_large_the_activations(outputs: str, scale: float) -> None:
    logits = scale * torch.randn(20, 33, generator=torch.Generator().manual_seed(0))
    found = log_posteriors(logits, outputs)
    assert torch.isfinite(found).all()
    torch.testing.assert_close(found.exp().sum(dim=1), torch.ones(20))
    assert torch.equal(found.argmax(dim=1), logits.argmax(dim=1)) or (outputs == "sigmoid" and scale > 1)


def test_a_seed_gives_the_same_weights_and_leaves_torch_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    small = Settings(signal=SignalSettings(n_mels=22, context=2))
    nets = [build_recogniser(3, replace(small, seed=seed)) for seed in (1, 1, 2)]
    assert torch.equal(torch.rand(3), expected)
    states = [net.state_dict() for net in nets]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not torch.equal(states[0]["D2.weight"], states[2]["D2.weight"])
