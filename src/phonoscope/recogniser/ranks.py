"""The processes of one training, as torchrun starts them: rank 0 leads, the others follow.

All processes do the same steps of an epoch together; before each epoch, and before the first thing, the others wait for
a word of rank 0, which alone knows whether there is one. An empty word sends them home.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.distributed as dist

from phonoscope.errors import LostProcessError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_WAIT = timedelta(days=1)  # the others may have to wait while rank 0 reads a long corpus
_CHUNK = 1 << 26


class Ranks:
    """The processes that train one network together; by default, this one alone.

    Attributes
    ----------
    rank, size
        This process's number, and how many there are.
    local_rank, local_size
        The same of those on this machine.
    """

    def __init__(self, rank: int = 0, size: int = 1, local_rank: int = 0, local_size: int = 1) -> None:
        self.rank, self.size, self.local_rank, self.local_size = rank, size, local_rank, local_size
        self._listening = size > 1 and rank == 0  # whether the others wait for a word of this one
        self._waiting: dist.ProcessGroup | None = None

    def join(self, backend: str) -> None:
        """Meet the others at the address that torchrun tells."""
        with _company():
            dist.init_process_group(backend)
            self._waiting = dist.new_group(backend="gloo", timeout=_WAIT)

    def tell(self, word: bytes) -> None:
        """Send a word to the others, which `hear` it; an empty one tells them that nothing more comes."""
        if not self._listening:
            return
        with _company():
            self._broadcast(torch.tensor([len(word)]))
            if word:
                self._broadcast(torch.frombuffer(bytearray(word), dtype=torch.uint8))
        self._listening = bool(word)

    def hear(self) -> bytes:
        """Wait for rank 0's word."""
        length = torch.zeros(1, dtype=torch.int64)
        with _company():
            self._broadcast(length)
            word = torch.empty(int(length), dtype=torch.uint8)
            if len(word):
                self._broadcast(word)
        return word.numpy().tobytes()

    def spread(self, array: NDArray[np.float32]) -> None:
        """Write rank 0's array into that of each other process, which has the same shape."""
        writeable = np.require(array, requirements=["C", "W"])  # torch warns of what can only be read
        flat = torch.from_numpy(writeable.reshape(-1))
        with _company():
            for part in torch.split(flat, _CHUNK):
                self._broadcast(part)

    def _broadcast(self, tensor: torch.Tensor) -> None:
        dist.broadcast(tensor, 0, group=self._waiting)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Do something that all processes do at the same time: if it fails, no word can reach the others any more."""
        listening, self._listening = self._listening, False
        with _company():
            yield
        self._listening = listening

    def share(self, n: int) -> slice:
        """Return this process's part of n rows."""
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def total(self, value: float) -> float:
        """Sum a number over all processes."""
        if self.size == 1:
            return value
        found = torch.tensor([value], dtype=torch.float64)
        dist.all_reduce(found)
        return float(found)

    def gathered(self, mine: NDArray[np.float32], n: int) -> NDArray[np.float32]:
        """Put every process's `share` of n rows together; only rank 0 gets them all, the others their own."""
        if self.size == 1:
            return mine
        longest = -(-n // self.size)
        padded = torch.zeros(longest, mine.shape[1])
        padded[: len(mine)] = torch.from_numpy(mine)
        parts = [torch.empty_like(padded) for _ in range(self.size)] if self.rank == 0 else None
        dist.gather(padded, parts)
        if parts is None:
            return mine
        bounds = [n * i // self.size for i in range(self.size + 1)]
        return np.concatenate([parts[i][: bounds[i + 1] - bounds[i]].numpy() for i in range(self.size)])

    @contextmanager
    def fair_threads(self) -> Iterator[None]:
        """Let torch use this process's part of the threads that it may use now."""
        before = torch.get_num_threads()
        torch.set_num_threads(max(1, before // self.local_size))
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def leave(self) -> None:
        """Send the others home if they wait, and go on alone; if they do not wait, they find this process gone."""
        if self.size == 1:
            return
        with suppress(LostProcessError):  # who is gone needs not be sent
            self.tell(b"")
        dist.destroy_process_group()
        self.rank, self.size, self.local_size, self._listening = 0, 1, 1, False


@contextmanager
def _company() -> Iterator[None]:
    """Name the loss of another process."""
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        if isinstance(error, dist.DistError) or any(sign in text.lower() for sign in ("gloo", "nccl", "connection")):
            raise LostProcessError(text) from None
        raise


_here = Ranks()


def of_torchrun() -> tuple[int, int]:
    """Return this process's rank and how many there are, as torchrun tells them; (0, 1) without it."""
    if "MASTER_ADDR" not in os.environ:
        return 0, 1
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def join_ranks(backend: str) -> Ranks:
    """Meet torchrun's other processes; `here` is then the company."""
    global _here  # noqa: PLW0603 - a process has one company, as it has one environment
    rank, size = of_torchrun()
    of = os.environ.get
    _here = Ranks(rank, size, int(of("LOCAL_RANK", "0")), int(of("LOCAL_WORLD_SIZE", "1")))
    if size > 1:
        _here.join(backend)
    return _here


def here() -> Ranks:
    """Return the company that this process trains in."""
    return _here
