# ruff: noqa: INP001 - a script's part, not a package
"""docs/training.md, out of what training.py measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from measuring import OURS
from plain_training import LOADER, STORED
from scipy.stats import ttest_ind
from tables import number, table

if TYPE_CHECKING:
    from collections.abc import Mapping

_TARGET, _APART = 3.0, 0.01
LAST = 3  # epochs whose mean accuracy is taken: that of one goes up and down


def page(found: Mapping[str, Any]) -> str:
    """Return docs/training.md."""
    on = found["machine"]
    first = found["runs"][0]
    sides = first["sides"]
    ratio = sides[OURS]["speed"] / sides[LOADER]["speed"]
    peak = first["peak"][first["precision"]]
    most = first["peak"]["float32"] / first["operations"] / sides[LOADER]["speed"]
    return "\n".join(
        [
            "# Training",
            "",
            _RESUME,
            _COMPANY,
            "## Speed\n",
            f"    .venv/bin/python benchmarks/training.py {found['options']}".rstrip(),
            "",
            (
                f"measured the table: on {found['date']}, {on['processor']}, {on['cores']} cores "
                f"({', '.join(on['instructions'])}), {on['system']}, "
                f"torch {on['versions'].get('torch', 'unknown')}"
                f"{found.get('note', '')}. {_BESIDE}"
            ),
            "",
            table(
                ["by", "threads", "arithmetic", "samples/s", "median", "ratio", "share of peak", "accuracy"],
                [
                    [
                        name,
                        str(run["threads"]),
                        run["precision"] if name == OURS else "float32",
                        number(side["speed"]),
                        number(side["middle"]),
                        f"{run['sides'][OURS]['speed'] / side['speed']:.2f}",
                        f"{100 * side['speed'] * run['operations'] / _peak(run, name):.0f} %",
                        f"{side['accuracy']:.3f}",
                    ]
                    for run in found["runs"]
                    for name, side in run["sides"].items()
                ],
            ),
            (
                f"Accuracies are those of {first['held_out']:,} validation windows, the mean over the last {LAST} of "
                f"{first['epochs']} epochs of {first['windows']:,} windows. A window costs "
                f"{first['operations'] / 1e6:.1f} million operations; the peak is that of large "
                f"matrix products, here {peak / 1e9:.0f} GFLOP/s in {first['precision']} with threads: "
                f"{first['threads']}."
            ),
            "",
            accuracies(found["seeds"]),
            "",
            (
                f"The aim was {_TARGET:g} times the plain loop; here it is {ratio:.2f} times, "
                + ("which reaches it." if ratio >= _TARGET else "which does not.")
                + (
                    f" In float32, with the same operations, better code does not suffice on this processor: a "
                    f"training that did all of them at the peak would be {most:.1f} times as fast as the plain loop."
                    if most < _TARGET and first["precision"] == "float32"
                    else ""
                )
            ),
            "",
            _HOW,
        ]
    )


def accuracies(seeded: Mapping[str, list[float]]) -> str:
    """Say how the accuracies of several trainings of both ways differ."""
    ours, plain = (np.array(seeded[name]) for name in (OURS, STORED))
    low, high = ttest_ind(ours, plain, equal_var=False).confidence_interval()
    apart = ours.mean() - plain.mean()
    return (
        f"Each of these accuracies is one training, from other random draws. {len(ours)} trainings of each way from "
        f"seeds of their own, of as many epochs, end at {ours.mean():.4f} (standard deviation {ours.std(ddof=1):.4f}) "
        f"by phonoscope and at {plain.mean():.4f} ({plain.std(ddof=1):.4f}) by the plain loop: {apart:+.4f}, 95 % "
        f"interval {low:+.4f} to {high:+.4f} (Welch). The aim was to be within {_APART} of the plain loop, which "
        + ("holds." if abs(apart) <= _APART else "does not hold.")
    )


def _peak(run: Mapping[str, Any], name: str) -> float:
    return float(run["peak"][run["precision"] if name == OURS else "float32"])


_RESUME = """\
## Interrupted

After each epoch the run's folder holds `checkpoint.safetensors` (weights, momentum, the states of the random
generators, the learning curve; 32 MB for the paper's network) and `training.csv`. The same command goes on after the
last whole epoch. With as many threads it ends with the same bits as a training that was not interrupted: the same
`model.safetensors`. The seconds go on from those that were spent. Once `model.safetensors` is there the checkpoint is
removed.

The file carries a checksum, and the name of what it belongs to: the settings of network and signal, the seed, the
phones, the labels and the features. One that is damaged, or that is of other audio under the same labels, is named in a
warning, and the training starts from the first epoch; if the corpus's labels changed, the run is refused, as if its
network were trained already, until `--overwrite`. `recogniser.max_epochs`, `min_decrease` and `patience` are not part
of the name: from Python, `train(..., folder=...)` goes on to more epochs.
"""
_COMPANY = """\
## Several processes, several machines

    torchrun --nproc-per-node 2 -m phonoscope run my-corpus --out runs/mine

trains with two processes, each with its part of the cores; on two machines, the same on each with torchrun's
`--nnodes 2 --rdzv-backend c10d --rdzv-endpoint FIRST:29400`. Each batch of `recogniser.batch_size` windows is shared
out, and so is the validation part; gradients are summed by PyTorch's DistributedDataParallel (gloo on processors, NCCL
on CUDA devices, one a process). Permutations and dropout masks are drawn for whole batches in every process, so the
learning curve is that of one process, but for rounding: `tests/test_company.py` holds it to 1e-5.

Rank 0 alone reads the corpus, computes the features, writes files, shows progress, and does all that follows the
training. The others get their copy of the features over the network (features of a long corpus, which lie in a file,
they map: then the run's folder has to be on a file system that all machines see), and leave with status 0 when the
training is over, or if there is none; they wait up to a day for the features. If rank 0 can not train it says why, and
the others leave. If a process is lost in an epoch, the rest end with a sentence and status 2: at once if it ended,
after PyTorch's 30 minutes if its machine does not answer. The same command then goes on after the last epoch.
`phonoscope probe` trains nothing and refuses to be called by torchrun.

## CUDA

`--device auto` trains on a CUDA device if torch finds one; `cpu` and `cuda` ask for one. Everything after the training
is computed on the processor. The device is not part of what makes two runs different, but its rounding is. No CUDA
device was at hand: this has been read, not run.
"""
_BESIDE = (
    "All ways train the same network on the same windows, each in a process of its own, a step of each in turn; "
    "samples/s are "
    "those of the quickest tenth of the steps, as other work on the machine only lengthens steps, and the median "
    "stands beside. The plain loop is PyTorch's own layers, nn.Dropout, SGD with Nesterov momentum, float32; "
    "its windows come from a Dataset by a DataLoader, or from one tensor of all windows, which takes eleven "
    "times the memory. The ratio is phonoscope's samples/s to the row's."
)
_HOW = """\
Where the time goes, and what is done about it: convolutions' weights and windows lie in the channels_last order, whose
kernels for pooling are quicker; dropout masks are drawn 16 bits at a time instead of by torch's
single-threaded Bernoulli draws; pooling and ReLU are one pass over the numbers' bits, and one back, without indices;
the optimiser is one fused pass; windows are gathered by a compiled kernel, the next batch's while this one is learned;
no step waits for its loss to be read; memory that a step frees is kept for the next (on Linux), instead of being
asked of the kernel again. What is left are matrix products and convolutions.

bfloat16 (`recogniser.precision`) is chosen where the processor has instructions for it (AVX-512 BF16, or AMX) or the
CUDA device has. It can not pay on one with AVX2 only: there, on another machine (AMD EPYC, the same program with
`--threads 1 --minutes 4 --epochs 4`), float32 was 1.24 times the plain loop, with 68 % of the processor's peak.
"""
