"""Which frames of a layer belong to a time: through the hop and the centre of the receptive field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from phonoscope.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_DIGITS = 6  # of a hop: a time that is a frame's centre is not a hair beside it


@dataclass(frozen=True)
class Layer:
    """A layer that is probed.

    Attributes
    ----------
    name
        As in the network.
    shape
        Of one frame's activations.
    hop, offset
        Frame i is centred at ``offset + i * hop`` seconds.
    """

    name: str
    shape: tuple[int, ...]
    hop: float
    offset: float

    @property
    def units(self) -> int:
        """Activations a frame."""
        return int(np.prod(self.shape, dtype=np.int64))


def nearest_frames(times: NDArray[np.float64], layer: Layer, n: int, utterance: str) -> NDArray[np.int64]:
    """Return the frame whose centre is nearest to each time; of two equally near the earlier.

    The first and the last frame stand for what lies beside their centres too, as far as their receptive fields may
    reach: `offset` and one hop.

    Parameters
    ----------
    times
        Seconds, shape (samples,).
    layer
        Its hop and offset.
    n
        Frames that there are.
    utterance
        For the message.

    Raises
    ------
    ModelError
        A time lies beyond the last frame, or before the first.
    """
    place = np.round((times - layer.offset) / layer.hop, _DIGITS)
    found = np.clip(np.ceil(place - 0.5).astype(np.int64), 0, max(n - 1, 0))
    far = np.abs(place - found) * layer.hop > layer.hop + abs(layer.offset)
    if n < 1 or far.any():
        time = float(times[far][0]) if far.any() else float(times[0])
        last = f"its last of {n} frames is at {layer.offset + (n - 1) * layer.hop:.3f} s" if n else "it has no frames"
        msg = (
            f"utterance {utterance}: layer {layer.name} has no frame at {time:.3f} s ({last}, one every "
            f"{1000 * layer.hop:g} ms); correct the model's hop and offset, or give it all of the utterance"
        )
        raise ModelError(msg)
    return found


def frames_within(
    start: NDArray[np.float64], end: NDArray[np.float64], layer: Layer, n: int, utterance: str
) -> Sequence[NDArray[np.int64]]:
    """Return the frames whose centres lie in each segment ``start ≤ t < end``; if none does, the nearest to its middle.

    Raises
    ------
    ModelError
        As `nearest_frames`.
    """
    first = np.ceil(np.round((start - layer.offset) / layer.hop, _DIGITS)).astype(np.int64)
    last = np.ceil(np.round((end - layer.offset) / layer.hop, _DIGITS)).astype(np.int64)
    middle = nearest_frames((start + end) / 2, layer, n, utterance)
    ranges = (np.arange(max(a, 0), min(b, n)) for a, b in zip(first, last, strict=True))
    return [frames if len(frames) else middle[i : i + 1] for i, frames in enumerate(ranges)]
