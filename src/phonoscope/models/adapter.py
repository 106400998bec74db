"""The adapter: the little that has to be known of a network before its layers can be probed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch import nn

from phonoscope.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor


@dataclass(frozen=True)
class Adapter:
    """A network, what it wants to be given, and when its frames are.

    Attributes
    ----------
    module
        Any network. It is called on one utterance at a time, in float32 and without dropout.
    sample_rate
        Of the audio that it wants, in Hz; recordings are resampled to it.
    hop
        Seconds from one of its frames to the next.
    offset
        Seconds from the start of the audio to the centre of what frame 0 sees (its receptive field). Frame i is taken
        for what is heard at ``offset + i * hop``.
    window
        Samples of a window, for a network that is given windows: one is cut around the time of each frame that is
        asked for, zeros beyond the ends of the audio, and each is a frame. 0: it is given the whole utterance.
    prepare
        Makes the network's input of the samples, float32 of shape (1, samples), or (windows, window). What it returns
        is handed to the network: a tensor as it is, a tuple as arguments, a dictionary as named ones. None: the
        samples as they are.
    layers
        Names, or patterns of names (``encoder.layer.*``), of the layers to be probed if nobody asks for others.
        Empty: all modules that have none within.
    timing
        ``{name or pattern: (hop, offset)}`` of layers whose frames are not those of the output.
    fixed
        Seconds of the input where `prepare` pads every utterance to the same length; longer ones can not be probed.
    name
        What the model is called in the report; the class's name if empty.
    """

    module: nn.Module
    sample_rate: int
    hop: float
    offset: float
    window: int = 0
    prepare: Callable[[Tensor], Any] | None = None
    layers: tuple[str, ...] = ()
    timing: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    fixed: float = 0.0
    name: str = ""

    def __post_init__(self) -> None:
        """Raise `ModelError` for what can not be."""
        wrong = self._wrong()
        if wrong:
            msg = f"the adapter of {self.title}: {wrong}"
            raise ModelError(msg)

    def _wrong(self) -> str:
        module: object = self.module  # what a user's factory gives is not checked by any type
        if not isinstance(module, nn.Module):
            return f"its module has to be a torch.nn.Module, not {type(module).__name__}"
        if not (isinstance(self.sample_rate, int) and self.sample_rate > 0):
            return f"sample_rate = {self.sample_rate!r} has to be a whole number of Hz"
        for hop, offset in ((self.hop, self.offset), *self.timing.values()):
            if not (math.isfinite(hop) and hop > 0 and math.isfinite(offset)):
                return f"hop = {hop} and offset = {offset} have to be seconds, the hop above 0"
        if self.window < 0 or self.fixed < 0:
            return f"window = {self.window} and fixed = {self.fixed} have to be 0 or more"
        if self.window and (self.timing or self.fixed):
            return "a network that is given windows has one frame a window: timing and fixed do not go with that"
        return ""

    @property
    def title(self) -> str:
        """What the model is called."""
        return self.name or type(self.module).__name__
