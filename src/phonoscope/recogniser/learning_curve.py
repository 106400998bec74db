"""The learning curve, and the paper's stopping rule."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import polars as pl


@dataclass(frozen=True)
class Epoch:
    """One line of the learning curve.

    Losses are mean cross-entropies a window, in nats; `training_loss` is the mean over the epoch, with dropout.
    `frame_accuracy` and `phone_error_rate` are those of the validation part; `seconds` counts from the start.
    """

    epoch: int
    training_loss: float
    validation_loss: float
    frame_accuracy: float
    phone_error_rate: float
    seconds: float


def training_table(history: list[Epoch]) -> pl.DataFrame:
    """Make the table of `training.csv`, a row an epoch."""
    return pl.DataFrame([asdict(epoch) for epoch in history])


def should_stop(losses: list[float], min_decrease: float, patience: int) -> bool:
    """Tell whether the paper's rule ends the training.

    It does when none of the last `patience` epochs brought the validation loss more than `min_decrease` below the
    lowest before that epoch.
    """
    if len(losses) <= patience:
        return False
    lowest = np.minimum.accumulate(losses)
    fell = lowest[-patience - 1 : -1] - np.asarray(losses[-patience:]) > min_decrease
    return not bool(fell.any())
