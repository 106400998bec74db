"""What a training step frees is not asked of the kernel again."""

from __future__ import annotations

import subprocess
import sys

import pytest

COUNT = """
import resource, torch
from phonoscope.recogniser.freed_memory import freed_memory_kept

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        held = [torch.ones(n) for n in (1_900_000, 2_700_000, 1_000_000)]
        del held
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

with freed_memory_kept():
    faults()
    print(faults(), resident())
print(resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator is Linux's")
def test_freed_memory_is_kept_while_wanted_and_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True)  # noqa: S603
    faults, held, left = map(int, done.stdout.split())
    assert faults < 200  # of 5,500 pages, twenty times
    assert left < held - 15e6  # of 22 MB
