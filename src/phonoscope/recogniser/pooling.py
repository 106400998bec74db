"""Max-pooling over frequency and ReLU in one pass, for training on processors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import torch
from numba import njit

from phonoscope.parallel import each, slices

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

# The bits of floating-point numbers above zero, read as integers, are in the order of the numbers, and those of numbers
# below are negative: the kernels compare bits, in whatever arithmetic.
_BITS = {torch.bfloat16: torch.int16, torch.float32: torch.int32}
_ROWS = 256


@njit(cache=True, nogil=True)
def _pool(size: int, x: NDArray[np.integer], pooled: NDArray[np.integer]) -> None:
    """Shapes (rows, width, maps) and (rows, groups, maps)."""
    rows, groups, maps = pooled.shape
    for row in range(rows):
        for group in range(groups):
            for m in range(maps):
                pooled[row, group, m] = max(x[row, group * size, m], 0)
            for i in range(1, size):
                for m in range(maps):
                    pooled[row, group, m] = max(pooled[row, group, m], x[row, group * size + i, m])


@njit(cache=True, nogil=True)
def _send_back(
    size: int,
    x: NDArray[np.integer],
    pooled: NDArray[np.integer],
    gradient: NDArray[np.integer],
    sent: NDArray[np.integer],
) -> None:
    """Give each group's gradient to the first of its largest, if that is above zero."""
    rows, groups, maps = pooled.shape
    left = np.empty(maps, gradient.dtype)
    for row in range(rows):
        for group in range(groups):
            for m in range(maps):
                left[m] = gradient[row, group, m] if pooled[row, group, m] > 0 else 0
            for i in range(size):
                place = group * size + i
                for m in range(maps):
                    largest = x[row, place, m] == pooled[row, group, m]
                    sent[row, place, m] = left[m] if largest else 0
                    left[m] = 0 if largest else left[m]
        sent[row, groups * size :] = 0


class _PoolRelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, size: int) -> Tensor:  # noqa: ANN401 - torch's own
        lines = _lines(x)
        n, height, width, maps = lines.shape
        pooled = torch.empty((n, height, width // size, maps), dtype=x.dtype)
        _each(_pool, size, lines, pooled)
        ctx.size = size
        ctx.save_for_backward(lines, pooled)
        return pooled.permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        lines, pooled = ctx.saved_tensors
        sent = torch.empty_like(lines)
        _each(_send_back, ctx.size, lines, pooled, _lines(gradient), sent)
        return sent.permute(0, 3, 1, 2), None


def _lines(x: Tensor) -> Tensor:
    """Return maps × time × frequency with the maps last, as the channels_last order of memory has them."""
    return x.permute(0, 2, 3, 1).contiguous()


def _each(kernel: Callable[..., None], size: int, *tensors: Tensor) -> None:
    arrays = [t.flatten(0, 1).view(_BITS[t.dtype]).numpy() for t in tensors]
    if numba.get_num_threads() == 1:
        kernel(size, *arrays)
    else:
        each(lambda rows: kernel(size, *(a[rows] for a in arrays)), slices(len(arrays[0]), _ROWS))


def pool_relu(x: Tensor, size: int) -> Tensor:
    """Return ``relu(max_pool2d(x, (1, size)))``, shape (n, maps, time, frequency // size); the gradient is its, too.

    To the last bit, but that a NaN counts as 0 if its sign bit is set. Other devices and arithmetics have torch's own.
    """
    if x.device.type != "cpu" or x.dtype not in _BITS or not torch.is_grad_enabled():
        return torch.relu(torch.nn.functional.max_pool2d(x, (1, size)))
    pooled: Tensor = _PoolRelu.apply(x, size)  # type: ignore[no-untyped-call]
    return pooled
