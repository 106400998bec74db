"""A fully connected network, of the kind that Nagamine, Seltzer and Mesgarani looked into (Interspeech 2015)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from phonoscope.recogniser.network import Dropout, Recogniser, start_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Of logistic units, Glorot and Bengio (2010) widen the interval fourfold: their slope at zero is a quarter
_ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], float]] = {
    "relu": (torch.relu, 1.0),
    "sigmoid": (torch.sigmoid, 4.0),
}


class DenseDNN(Recogniser):
    """Fully connected hidden layers over the whole window, one output a phone.

    ========  =====================================  ===================
    layer     what                                   shape by default
    ========  =====================================  ===================
    raw       the window                             3 × 11 × 40
    D1 … Dn   dense, ReLU or sigmoid                 1024 each
    ========  =====================================  ===================

    The input is the one that the convolutional network gets, so that what differs is the network. Weights start from
    Glorot's uniform distribution (of sigmoid units four times as wide), biases at zero. Dropout follows each hidden
    layer.

    Parameters
    ----------
    n_phones
        Output units.
    hidden
        Units of each hidden layer.
    n_frames, n_mels
        Size of a window.
    activation
        ``relu`` or ``sigmoid``.
    dropout
        Share of hidden units that is silenced in training.
    """

    def __init__(
        self,
        n_phones: int,
        hidden: Sequence[int],
        *,
        n_frames: int = 11,
        n_mels: int = 40,
        activation: str = "relu",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.hidden = nn.ModuleDict(
            {f"D{i}": nn.Linear(*sizes) for i, sizes in enumerate(pairwise((3 * n_frames * n_mels, *hidden)), 1)}
        )
        self.layer_names = ("raw", *self.hidden)
        self.output = nn.Linear(hidden[-1], n_phones)
        self.dropout = Dropout(dropout)
        self.activation, gain = _ACTIVATIONS[activation]
        start_weights(self.hidden.values(), gain)
        start_weights([self.output])

    def forward(self, windows: Tensor) -> Tensor:
        """Return the activations before the output function, shape (n, n_phones), for windows (n, 3, time, mel)."""
        x = windows.flatten(1)
        for dense in self.hidden.values():
            x = self.dropout(self.activation(dense(x)))
        logits: Tensor = self.output(x)
        return logits

    def layers(self, windows: Tensor) -> dict[str, Tensor]:
        """Return the activations of every layer, after its activation function, without dropout.

        Parameters
        ----------
        windows
            Shape (n, 3, time, mel).

        Returns
        -------
        ``{layer: (n, …)}`` in the order of `layer_names`; besides them ``"output"``, the activations before the output
        function.
        """
        found = {"raw": windows}
        x = windows.flatten(1)
        for name, dense in self.hidden.items():
            x = self.activation(dense(x))
            found[name] = x
        found["output"] = self.output(x)
        return found
