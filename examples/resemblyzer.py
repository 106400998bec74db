"""Resemblyzer's voice encoder: three LSTM layers on 40 mel energies, trained to tell speakers apart (Wan et al., 2018).

The weights are those of the package Resemblyzer: ``pip install --no-deps Resemblyzer``. ::

    phonoscope probe examples.resemblyzer:encoder CORPUS --out runs/resemblyzer
"""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from phonoscope import Adapter
from phonoscope.errors import ModelError

RATE, HOP, FFT, MELS, UNITS = 16_000, 160, 400, 40, 256
LOUDNESS = 10 ** (-30 / 20)  # utterances below -30 dBFS are raised to that


class Encoder(nn.Module):
    """The LSTM layers one by one, so that each can be looked into."""

    def __init__(self) -> None:
        super().__init__()
        self.mel = nn.Identity()
        self.lstm1, self.lstm2, self.lstm3 = (nn.LSTM(size, UNITS, batch_first=True) for size in (MELS, UNITS, UNITS))

    def forward(self, mel: Tensor) -> Tensor:
        """Return the states of the last layer, shape (1, frames, 256), for mel energies of shape (1, frames, 40)."""
        x: Tensor = self.mel(mel)
        for lstm in (self.lstm1, self.lstm2, self.lstm3):
            x, _ = lstm(x)
        return x


def slaney_mel(hertz: Tensor) -> Tensor:
    """Turn frequencies into mel of Slaney's Auditory Toolbox: linear below 1 kHz, logarithmic above."""
    return torch.where(hertz < 1000, hertz * 3 / 200, 15 + 27 * torch.log(hertz.clamp_min(1) / 1000) / math.log(6.4))


def mel_filters() -> Tensor:
    """Return triangular filters of equal area from 0 to 8 kHz, shape (201, 40)."""
    top = float(slaney_mel(torch.tensor(RATE / 2, dtype=torch.float64)))
    mel = torch.linspace(0, top, MELS + 2, dtype=torch.float64)
    edges = torch.where(mel < 15, mel * 200 / 3, 1000 * torch.exp((mel - 15) * math.log(6.4) / 27))
    bins = torch.linspace(0, RATE / 2, FFT // 2 + 1, dtype=torch.float64)[:, None]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    triangles = torch.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)).clamp_min(0)
    return (triangles * 2 / (high - low)).float()


def mel_energies(samples: Tensor) -> Tensor:
    """Compute the mel energies (no logarithm) of 25-ms windows every 10 ms, shape (1, frames, 40)."""
    loudness = samples.square().mean().sqrt()
    louder = samples * (LOUDNESS / loudness) if 0 < loudness < LOUDNESS else samples
    window = torch.hann_window(FFT)
    spectrum = torch.stft(louder, FFT, HOP, window=window, center=True, pad_mode="constant", return_complex=True)
    return spectrum.abs().square().transpose(1, 2) @ mel_filters()


def encoder() -> Adapter:
    """Return the network with its trained weights; frame i is centred at i × 10 ms."""
    found = find_spec("resemblyzer")  # not imported: the package wants librosa
    if found is None or not found.submodule_search_locations:
        msg = "the weights are in the package Resemblyzer: pip install --no-deps Resemblyzer"
        raise ModelError(msg)
    path = Path(found.submodule_search_locations[0]) / "pretrained.pt"
    stored = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
    module = Encoder()
    for i, lstm in enumerate((module.lstm1, module.lstm2, module.lstm3)):
        lstm.load_state_dict({f"{name}_l0": stored[f"lstm.{name}_l{i}"] for name in
                              ("weight_ih", "weight_hh", "bias_ih", "bias_hh")})  # fmt: skip
    layers = ("mel", "lstm1", "lstm2", "lstm3")
    return Adapter(module, RATE, HOP / RATE, 0.0, prepare=mel_energies, layers=layers, name="Resemblyzer")
