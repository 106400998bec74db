"""What is probed, whatever it is: something that has layers, and frames of them for an utterance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from phonoscope.corpus.types import Utterance
    from phonoscope.models.times import Layer

    # a layer and the number of its frames in, those wanted out (with repetition)
    Pick = Callable[[Layer, int], NDArray[np.int64]]


class Source(Protocol):
    """Activations of layers, computed or read."""

    @property
    def title(self) -> str:
        """What the model is called."""

    @property
    def about(self) -> Mapping[str, str | int]:
        """What tells this model from others and describes it, for ``[run]`` of `config.toml`."""

    @property
    def notes(self) -> Sequence[str]:
        """What the user may want to know, a sentence each; complete once `layers` was asked for."""

    def layers(self, utterances: Sequence[Utterance]) -> Mapping[str, Layer]:
        """Return the layers to be probed, from the input on; `utterances` are those that will be read."""

    def read(self, utterance: Utterance, pick: Pick) -> Mapping[str, NDArray[np.float32]]:
        """Return of each layer the frames that `pick` wants, shape (frames, units)."""
