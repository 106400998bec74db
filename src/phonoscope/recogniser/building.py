"""The recogniser that the settings ask for, with its start weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from phonoscope.recogniser.cnn import PaperCNN
from phonoscope.recogniser.dnn import DenseDNN

if TYPE_CHECKING:
    from phonoscope.recogniser.network import Recogniser
    from phonoscope.settings import Settings


def build_recogniser(n_phones: int, settings: Settings) -> Recogniser:
    """Make a network with weights drawn from the seed, leaving torch's own random state as it was.

    ``untrained`` is the paper's network, ``cnn``, with the same start weights. The weights of convolutions lie in the
    channels_last order of memory, the quicker one; a network that is read from a file gets it too, as sums in another
    order differ in their last bits.
    """
    config, signal = settings.recogniser, settings.signal
    n_frames, n_mels = 2 * signal.context + 1, signal.n_mels
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        if config.kind == "dnn":
            return DenseDNN(
                n_phones,
                config.hidden_sizes,
                n_frames=n_frames,
                n_mels=n_mels,
                activation=config.activation,
                dropout=config.dropout,
            )
        cnn = PaperCNN(n_phones, n_frames=n_frames, n_mels=n_mels, dropout=config.dropout)
    return cnn.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
