"""Windows in, posteriors out: the network over many frames, in batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from phonoscope.recogniser.network import log_posteriors

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from phonoscope.recogniser.network import Recogniser
    from phonoscope.signal.frames import FrameTable

BATCH = 1024


def network_input(frames: FrameTable, rows: NDArray[np.int64]) -> Tensor:
    """Return the windows around some rows, shape (n, 3, time, mel), in the channels_last order of memory."""
    return torch.from_numpy(frames.windows(rows)).permute(0, 3, 1, 2)


def predict(
    model: Recogniser,
    frames: FrameTable,
    rows: NDArray[np.int64],
    outputs: str,
    *,
    dtype: torch.dtype = torch.float32,
) -> NDArray[np.float32]:
    """Return log P(phone | window) of some rows, shape (n, phones).

    Parameters
    ----------
    model
        The network, whose mode is left as it was.
    frames
        The frame table.
    rows
        Rows of the table, shape (n,).
    outputs
        ``softmax`` or ``sigmoid``.
    dtype
        float32, or bfloat16 for speed while training.
    """
    result = np.empty((len(rows), model.output.out_features), np.float32)
    training = model.training
    model.eval()
    device = model.output.weight.device
    with torch.inference_mode(), torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype is torch.bfloat16):
        for start in range(0, len(rows), BATCH):
            logits = model(network_input(frames, rows[start : start + BATCH]).to(device))
            result[start : start + BATCH] = log_posteriors(logits.float(), outputs).cpu().numpy()
    model.train(training)
    return result
