"""The paper's convolutional network (Pellegrini and Mouysset, Interspeech 2016)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from phonoscope.recogniser.network import Dropout, Recogniser, start_weights
from phonoscope.recogniser.pooling import pool_relu

_POOLED = 3, 2  # frequencies that one of mp1 and mp2 stands for
LAYERS = ("raw", "conv1", "mp1", "conv2", "mp2", "D1", "D2", "D3")


class PaperCNN(Recogniser):
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

    layer_names = LAYERS

    def __init__(self, n_phones: int, *, n_frames: int = 11, n_mels: int = 40, dropout: float = 0.5) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, (3, 5))
        self.mp1 = nn.MaxPool2d((1, _POOLED[0]))
        self.conv2 = nn.Conv2d(32, 64, (3, 5))
        self.mp2 = nn.MaxPool2d((1, _POOLED[1]))
        flat = 64 * (n_frames - 4) * (((n_mels - 4) // 3 - 4) // 2)
        self.D1, self.D2, self.D3 = (nn.Linear(*sizes) for sizes in pairwise((flat, 1024, 1024, 1024)))
        self.output = nn.Linear(1024, n_phones)
        self.dropout = Dropout(dropout)
        start_weights(self.modules())

    def forward(self, windows: Tensor) -> Tensor:
        """Return the activations before the output function, shape (n, n_phones), for windows (n, 3, time, mel)."""
        # after the pooling, ReLU gives the same numbers and gradients, and has fewer to go through
        x = pool_relu(self.conv1(windows), _POOLED[0])
        x = pool_relu(self.conv2(x), _POOLED[1]).flatten(1)
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
