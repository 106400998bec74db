"""Where the network is trained: on the processor, or on a graphics card."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from phonoscope.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable

DEVICES = ("auto", "cpu", "cuda")


def resolve_device(device: str, local_rank: int = 0) -> torch.device:
    """Choose the device: CUDA where asked for, or by ``auto`` where there is one; each process of a machine its own.

    Raises
    ------
    SettingError
        There is no such device here.
    """
    if device not in DEVICES:
        msg = f"--device {device}: it has to be one of {', '.join(DEVICES)}"
        raise SettingError(msg)
    if device == "cpu" or (device == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        msg = "--device cuda: torch finds no CUDA device here; leave the option out, or install a torch with CUDA"
        raise SettingError(msg)
    return torch.device("cuda", local_rank % torch.cuda.device_count())


def resolve_precision(precision: str, device: torch.device | None = None) -> torch.dtype:
    """Choose the arithmetic: bfloat16 where asked for, or by ``auto`` where the device multiplies in it."""
    if precision != "auto":
        return torch.bfloat16 if precision == "bfloat16" else torch.float32
    if device is not None and device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    # older releases of torch can not tell: float32 is right everywhere
    tell: Callable[[], dict[str, object]] = getattr(torch.cpu, "get_capabilities", dict)
    return torch.bfloat16 if tell().get("avx512_bf16") else torch.float32
