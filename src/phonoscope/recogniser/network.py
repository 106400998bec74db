"""What the recognisers have in common: what can be asked of one, its start weights, dropout, posteriors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Iterable


class Recogniser(nn.Module, ABC):
    """A network from windows of speech to phones, whose layers can be looked at.

    Attributes
    ----------
    layer_names
        The layers, from the input (``"raw"``) on.
    output
        The last layer, with one unit a phone.
    """

    layer_names: tuple[str, ...]
    output: nn.Linear

    @abstractmethod
    def forward(self, windows: Tensor) -> Tensor:
        """Return the activations before the output function, shape (n, n_phones), for windows (n, 3, time, mel)."""

    @abstractmethod
    def layers(self, windows: Tensor) -> dict[str, Tensor]:
        """Return the activations of every layer, without dropout.

        Parameters
        ----------
        windows
            Shape (n, 3, time, mel).

        Returns
        -------
        ``{layer: (n, …)}`` in the order of `layer_names`, convolutional ones as maps × time × frequency; besides them
        ``"output"``, the activations before the output function.
        """


class Dropout(nn.Module):
    """Dropout whose mask is drawn by NumPy, seeded from torch's generator.

    The same as `torch.nn.Dropout` in distribution, but for the probability, which is rounded to 1/65536: torch draws
    its mask on one core at a quarter of the time of a whole training step, NumPy's 16-bit draws cost a tenth of that.

    Attributes
    ----------
    part
        Where several processes share a batch: the rows of it that this one has, and how many the batch has. Masks are
        drawn for the whole batch, so that they do not depend on the number of processes. None: all.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.threshold = round(probability * 65_536)
        self.part: tuple[slice, int] | None = None
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
        rows, size = self.part or (slice(None), len(x))
        kept = self._draws.integers(0, 65_536, size=(size, *x.shape[1:]), dtype=np.uint16)[rows] >= self.threshold
        scale = 65_536 / (65_536 - self.threshold)
        return x * (torch.from_numpy(kept).to(x.device, x.dtype) * scale)

    def state(self) -> Tensor:
        """Return where in the sequence of masks it is, as six integers; none before the first mask."""
        if self._draws is None:
            return torch.zeros(0, dtype=torch.int64)
        state = self._draws.bit_generator.state
        numbers = [*state["state"]["state"].tolist(), state["has_uint32"], state["uinteger"]]
        return torch.from_numpy(np.array(numbers, np.uint64).view(np.int64))

    def restore(self, state: Tensor) -> None:
        """Go on where `state` was taken."""
        if len(state) == 0:
            self._draws = None
            return
        *numbers, has_uint32, uinteger = state.numpy().view(np.uint64).tolist()
        self.seed(0)
        assert self._draws is not None  # noqa: S101 - for the type checker
        self._draws.bit_generator.state = {
            "bit_generator": "SFC64",
            "state": {"state": np.array(numbers, np.uint64)},
            "has_uint32": has_uint32,
            "uinteger": uinteger,
        }


def start_weights(modules: Iterable[nn.Module], gain: float = 1.0) -> None:
    """Draw weights from Glorot's uniform distribution, and set biases to zero (Lasagne's defaults)."""
    for module in modules:
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight, gain)
            nn.init.constant_(cast("Tensor", module.bias), 0.0)


def log_posteriors(logits: Tensor, outputs: str) -> Tensor:
    """Turn output activations into log probabilities of the phones, shape (n, n_phones).

    ``softmax`` is the usual. ``sigmoid`` are the paper's output units: taken literally, categorical cross-entropy on
    them has the trivial optimum of every unit at 1, so they are normalised to sum to one.
    """
    if outputs == "softmax":
        return torch.log_softmax(logits, dim=1)
    log_sigmoid = nn.functional.logsigmoid(logits)
    return log_sigmoid - torch.logsumexp(log_sigmoid, dim=1, keepdim=True)
