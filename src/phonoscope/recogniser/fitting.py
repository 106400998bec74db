"""One epoch after the other: gradient descent with Nesterov momentum, alone or in company."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn.parallel import DistributedDataParallel

from phonoscope.recogniser.building import build_recogniser
from phonoscope.recogniser.inference import network_input, predict
from phonoscope.recogniser.network import Dropout, log_posteriors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from phonoscope.progress import Advance
    from phonoscope.recogniser.ranks import Ranks
    from phonoscope.settings import Settings
    from phonoscope.signal.frames import FrameTable


@dataclass(frozen=True)
class Material:
    """What is learned from: rows of the frame table to train on, and those that are held out; number of phones."""

    frames: FrameTable
    rows: NDArray[np.int64]
    held_out: NDArray[np.int64]
    n_phones: int


class Fitting:
    """A network in training, with all that the next epoch starts from.

    Every process of a company makes the same permutations and the same dropout masks, for whole batches, and takes its
    part of each: the sum of their gradients is that of one process, but for rounding.
    """

    def __init__(
        self, material: Material, settings: Settings, ranks: Ranks, *, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.material, self.ranks, self.device, self.dtype = material, ranks, device, dtype
        self._config = config = settings.recogniser
        if device.type == "cuda":
            torch.cuda.set_device(device)  # NCCL takes the current one
        self.model = build_recogniser(material.n_phones, settings).to(device)
        company = DistributedDataParallel(self.model, broadcast_buffers=False) if ranks.size > 1 else None
        self._network = company or self.model
        self._dropouts = [module for module in self.model.modules() if isinstance(module, Dropout)]
        self._optimiser = torch.optim.SGD(
            self.model.parameters(),
            lr=config.learning_rate,
            momentum=config.momentum,
            nesterov=config.momentum > 0,
            fused=True,
        )

    def epoch(self, advance: Advance) -> float:
        """Go once through the training rows in random order; return the mean loss a window, of rank 0 and all."""
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        for size, loss in self.steps():
            total += loss
            advance(size)
        return self.ranks.total(float(total)) / len(self.material.rows)

    def steps(self) -> Iterator[tuple[int, Tensor]]:
        """Make the steps of an epoch; yield of each the size of the batch, and the summed loss of this process."""
        self.model.train()
        for size, part, windows, labels in self._batches():
            yield size, self._step(size, part, windows, labels)

    def _batches(self) -> Iterator[tuple[int, slice, Tensor, Tensor]]:
        """Yield each batch's size, this process's part of it, and the windows and labels of the part."""
        rows, frames = self.material.rows, self.material.frames

        def made(order: Tensor) -> tuple[int, slice, Tensor, Tensor]:
            part = self.ranks.share(len(order))
            # a process without a row in a small last batch takes one all the same, which then does not count
            mine = rows[order[part if part.stop > part.start else slice(1)].numpy()]
            return (
                len(order),
                part,
                network_input(frames, mine),
                torch.from_numpy(frames.labels[mine].astype(np.int64)),
            )

        # the next batch is gathered while the network is busy with this one
        with ThreadPoolExecutor(1) as pool:
            coming = None
            for order in torch.split(torch.randperm(len(rows)), self._config.batch_size):
                following = pool.submit(made, order)
                if coming:
                    yield coming.result()
                coming = following
            if coming:
                yield coming.result()

    def _step(self, size: int, part: slice, windows: Tensor, labels: Tensor) -> Tensor:
        """Go one step down; return the summed loss of this process's part."""
        n = part.stop - part.start
        for dropout in self._dropouts:
            dropout.part = slice(part.start, part.stop) if n else slice(1), size
        self._optimiser.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.dtype is torch.bfloat16):
            logits = self._network(windows.to(self.device))
        log_posterior = log_posteriors(logits.float(), self._config.outputs)
        loss: Tensor = torch.nn.functional.nll_loss(log_posterior, labels.to(self.device))
        # the company's gradient is the mean over its processes: with this weight that over the whole batch
        (loss * (n * self.ranks.size / size)).backward()
        self._optimiser.step()
        summed: Tensor = loss.detach().double() * n
        return summed

    def posteriors(self) -> NDArray[np.float32]:
        """Return log P(phone | window) of the rows held out, shape (rows, phones); but on rank 0, only a part."""
        rows = self.material.held_out
        mine = rows[self.ranks.share(len(rows))]
        found = predict(self.model, self.material.frames, mine, self._config.outputs, dtype=self.dtype)
        return self.ranks.gathered(found, len(rows))

    def state(self) -> dict[str, Tensor]:
        """Return copies of weights and momentum, and the states of torch's and dropout's random generators."""
        found = {f"weights.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for name, parameter in self.model.named_parameters():
            momentum = self._optimiser.state[parameter].get("momentum_buffer")
            if momentum is not None:
                found[f"momentum.{name}"] = momentum
        found |= {f"dropout.{i}": dropout.state() for i, dropout in enumerate(self._dropouts)}
        found["random"] = torch.get_rng_state()
        return {name: tensor.detach().cpu().contiguous() for name, tensor in found.items()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from what `state` returned; torch's own generator is set too."""
        weights = {name: state[f"weights.{name}"] for name in self.model.state_dict()}
        self.model.load_state_dict(weights)
        for name, parameter in self.model.named_parameters():
            momentum = state.get(f"momentum.{name}")
            if momentum is not None:
                kept = torch.empty_like(parameter)  # in the parameter's order of memory
                self._optimiser.state[parameter]["momentum_buffer"] = kept.detach().copy_(momentum)
        for i, dropout in enumerate(self._dropouts):
            dropout.restore(state[f"dropout.{i}"])
        torch.set_rng_state(state["random"])
