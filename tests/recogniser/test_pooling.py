"""Pooling and ReLU in one pass are torch's two, to the last bit, with their gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from phonoscope.recogniser.pooling import pool_relu

if TYPE_CHECKING:
    from collections.abc import Callable

DTYPES = [torch.float32, torch.bfloat16]


def two_steps(x: torch.Tensor, size: int) -> torch.Tensor:
    return torch.relu(torch.nn.functional.max_pool2d(x, (1, size)))


def value_and_gradient(
    function: Callable[[torch.Tensor, int], torch.Tensor], x: torch.Tensor, size: int, gradient: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    x = x.clone().requires_grad_()
    found = function(x, size)
    found.backward(gradient)  # type: ignore[no-untyped-call]
    assert x.grad is not None
    return found.detach(), x.grad


@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 4), st.integers(1, 11)),
    size=st.integers(1, 4),
    seed=st.integers(0, 99),
    dtype=st.sampled_from(DTYPES),
    last=st.booleans(),
    ties=st.booleans(),
)
@settings(deadline=None)
def test_value_and_gradient_are_those_of_two_steps(
    *, shape: tuple[int, int, int, int], size: int, seed: int, dtype: torch.dtype, last: bool, ties: bool
) -> None:
    assume(shape[3] >= size)
    draws = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, generator=draws)
    x = (x.round() if ties else x).to(dtype)
    gradient = torch.randn((*shape[:3], shape[3] // size), generator=draws).to(dtype)
    if last:
        x = x.to(memory_format=torch.channels_last)
    for ours, theirs in zip(
        value_and_gradient(pool_relu, x, size, gradient), value_and_gradient(two_steps, x, size, gradient), strict=True
    ):
        assert ours.dtype == theirs.dtype
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("dtype", DTYPES)
def test_threads_change_nothing(dtype: torch.dtype, numba_threads: Callable[[int], None]) -> None:
    x = torch.randn((70, 8, 9, 13), generator=torch.Generator().manual_seed(0)).to(dtype)
    gradient = torch.ones((70, 8, 9, 4), dtype=dtype)
    numba_threads(1)
    one = value_and_gradient(pool_relu, x, 3, gradient)
    numba_threads(2)
    for mine, theirs in zip(one, value_and_gradient(pool_relu, x, 3, gradient), strict=True):
        assert torch.equal(mine, theirs)


def test_infinity_and_nan() -> None:
    x = torch.tensor([[[[np.inf, 1.0, np.nan, 1.0, -np.inf, -1.0]]]])
    found = pool_relu(x.requires_grad_(), 2)
    assert found[0, 0, 0, 0] == np.inf
    assert found[0, 0, 0, 1].isnan()
    assert found[0, 0, 0, 2] == 0
    with torch.no_grad():
        assert pool_relu(x, 2)[0, 0, 0, 1].isnan()
