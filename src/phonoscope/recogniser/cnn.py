"""The paper's convolutional network (Pellegrini and Mouysset, Interspeech 2016)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from phonoscope.settings import SignalSettings

LAYERS = ("raw", "conv1", "mp1", "conv2", "mp2", "D1", "D2", "D3")


class Dropout(nn.Module):
    """Dropout whose mask is drawn by NumPy, seeded from torch's generator.

    The same as `torch.nn.Dropout` in distribution, but for the probability, which is rounded to 1/65536: torch draws
    its mask on one core at a quarter of the time of a whole training step, NumPy's 16-bit draws cost a tenth of that.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.threshold = round(probability * 65_536)
        self._draws: np.random.Generator | None = None

    def seed(self, seed: int) -> None:
        """Start the sequence of masks anew."""
        self._draws = np.random.Generator(np.random.SFC64(seed))

    def forward(self, x: Tensor) -> Tensor:
        """Silence units in training, and raise the rest so that the expectation stays."""
        if not self.training or self.threshold == 0:
            return x
        if self._draws is None:
            self.seed(int(torch.randint(2**31, ()).item()))
        assert self._draws is not None  # noqa: S101 - for the type checker
        kept = self._draws.integers(0, 65_536, size=x.shape, dtype=np.uint16) >= self.threshold
        scale = 65_536 / (65_536 - self.threshold)
        return x * (torch.from_numpy(kept).to(x.dtype) * scale)


class PaperCNN(nn.Module):
    """Two convolutions with pooling over frequency, three dense layers, one output a phone.

    ========  ============================  ==================
    layer     what                          shape at 11 × 40
    ========  ============================  ==================
    raw       the window                    3 × 11 × 40
    conv1     3 × 5 convolution, ReLU       32 × 9 × 36
    mp1       1 × 3 max-pooling             32 × 9 × 12
    conv2     3 × 5 convolution, ReLU       64 × 7 × 8
    mp2       1 × 2 max-pooling             64 × 7 × 4
    D1 … D3   dense, ReLU                   1024
    ========  ============================  ==================

    Convolutions are over time × frequency without padding; pooling drops the remainder. Weights start from Glorot's
    uniform distribution with gain 1, biases at zero (Lasagne's defaults). Dropout follows each dense layer.

    Parameters
    ----------
    n_phones
        Output units.
    n_frames, n_mels
        Size of a window; 11 × 40 gives the paper's 4,001,313 parameters with 33 phones.
    dropout
        Share of dense units that is silenced in training.
    """

    def __init__(self, n_phones: int, *, n_frames: int = 11, n_mels: int = 40, dropout: float = 0.5) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, (3, 5))
        self.mp1 = nn.MaxPool2d((1, 3))
        self.conv2 = nn.Conv2d(32, 64, (3, 5))
        self.mp2 = nn.MaxPool2d((1, 2))
        flat = 64 * (n_frames - 4) * (((n_mels - 4) // 3 - 4) // 2)
        self.D1, self.D2, self.D3 = (nn.Linear(*sizes) for sizes in pairwise((flat, 1024, 1024, 1024)))
        self.output = nn.Linear(1024, n_phones)
        self.dropout = Dropout(dropout)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.constant_(cast("Tensor", module.bias), 0.0)

    def forward(self, windows: Tensor) -> Tensor:
        """Return the activations before the output function, shape (n, n_phones), for windows (n, 3, time, mel)."""
        x = self.mp1(torch.relu(self.conv1(windows)))
        x = self.mp2(torch.relu(self.conv2(x))).flatten(1)
        for dense in (self.D1, self.D2, self.D3):
            x = self.dropout(torch.relu(dense(x)))
        logits: Tensor = self.output(x)
        return logits

    def layers(self, windows: Tensor) -> dict[str, Tensor]:
        """Return the activations of every layer of `LAYERS`, after ReLU, without dropout.

        Parameters
        ----------
        windows
            Shape (n, 3, time, mel).

        Returns
        -------
        ``{layer: (n, …)}`` in the order of `LAYERS`, convolutional ones as maps × time × frequency; besides them
        ``"output"``, the activations before the output function.
        """
        found = {"raw": windows}
        found["conv1"] = torch.relu(self.conv1(windows))
        found["mp1"] = self.mp1(found["conv1"])
        found["conv2"] = torch.relu(self.conv2(found["mp1"]))
        found["mp2"] = self.mp2(found["conv2"])
        x = found["mp2"].flatten(1)
        for name in ("D1", "D2", "D3"):
            x = torch.relu(getattr(self, name)(x))
            found[name] = x
        found["output"] = self.output(x)
        return found


def build_cnn(n_phones: int, signal: SignalSettings, dropout: float, seed: int) -> PaperCNN:
    """Make a network with weights drawn from `seed`, leaving torch's own random state as it was.

    Its weights lie in the channels_last order of memory, the quicker one; a network that is read from a file gets it
    too, as sums in another order differ in their last bits.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = PaperCNN(n_phones, n_frames=2 * signal.context + 1, n_mels=signal.n_mels, dropout=dropout)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def log_posteriors(logits: Tensor, outputs: str) -> Tensor:
    """Turn output activations into log probabilities of the phones, shape (n, n_phones).

    ``softmax`` is the usual. ``sigmoid`` are the paper's output units: taken literally, categorical cross-entropy on
    them has the trivial optimum of every unit at 1, so they are normalised to sum to one.
    """
    if outputs == "softmax":
        return torch.log_softmax(logits, dim=1)
    log_sigmoid = nn.functional.logsigmoid(logits)
    return log_sigmoid - torch.logsumexp(log_sigmoid, dim=1, keepdim=True)
