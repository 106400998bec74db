"""A file's claim of how large something is allocates nothing; what is there is read, or refused in a sentence."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
import soundfile
import torch

from conftest import noise, textgrid_text
from phonoscope.rundir import record
from phonoscope.settings import Settings
from phonoscope.signal.audio import audio_info

if TYPE_CHECKING:
    from collections.abc import Callable

ALLOWED = 700
"""MB beyond what the libraries take once they are loaded; the claims are of gigabytes and terabytes."""
READ = """
import json, resource, sys
from pathlib import Path
import h5py, torch, soundfile, numpy, polars
from phonoscope.corpus.reading import read_corpus
from phonoscope.errors import PhonoscopeError
from phonoscope.models.own_models import load_own
from phonoscope.models.stored_files import read_arrays
from phonoscope.settings import Settings
from phonoscope.signal.audio import audio_info, load_audio
polars.DataFrame({"a": [1]}).lazy().select("a").collect()

def own(path):
    return load_own(path.parent)

def audio(path):
    return audio_info(path), load_audio(path, 16000)

def corpus(path):
    return read_corpus(path, Settings().changed({"corpus.phones": "own"}))

pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + ALLOWED * 1_000_000
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for line in sys.stdin:
    kind, path = json.loads(line)
    try:
        {"acts": read_arrays, "own": own, "audio": audio, "corpus": corpus}[kind](Path(path))
        said = ""
    except PhonoscopeError as error:
        said = str(error)
    except BaseException as error:
        said = "FAULT " + repr(error)[:300]
    print(json.dumps(said), flush=True)
"""


def npy_header(shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return file.getvalue()


def npy(path: Path) -> None:
    path.write_bytes(npy_header((10**9, 10**3)) + bytes(4096))


def npz(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("acts.npy", npy_header((10**9, 10**3)) + bytes(4096))


def npz_bomb(path: Path) -> None:
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file,
        file.open("acts.npy", "w") as member,
    ):
        member.write(npy_header((75_000_000,)))
        for _ in range(3):
            member.write(bytes(100_000_000))


def hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("acts", (10**7, 10**3), np.float32, chunks=(10, 10))


def hdf5_elsewhere(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("acts", (4,), np.uint8, external=[("/etc/passwd", 0, 4)])


def pt(path: Path) -> None:
    torch.save({"acts": torch.zeros(1).expand(10**5, 10**4)}, path)


def pt_sparse(path: Path) -> None:
    torch.save({"acts": torch.eye(3).to_sparse()}, path)


def safetensors(path: Path) -> None:
    head = json.dumps({"acts": {"dtype": "F32", "shape": [10**9, 10**3], "data_offsets": [0, 4 * 10**12]}}).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + bytes(64))


def safetensors_head(path: Path) -> None:
    path.write_bytes(struct.pack("<Q", 1 << 62) + b"{}")


def wav(path: Path) -> None:
    soundfile.write(path, noise(0.1, 16_000), 16_000)
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = struct.pack("<I", 0x7000_0000)
    path.write_bytes(content)


def flac(path: Path) -> None:
    soundfile.write(path, noise(0.1, 16_000), 16_000)
    content = bytearray(path.read_bytes())
    content[21] |= 0x0F  # the last 36 of STREAMINFO's bits before the sum are the samples
    content[22:26] = b"\xff" * 4
    path.write_bytes(content)


def aiff(path: Path) -> None:
    soundfile.write(path, noise(0.1, 16_000), 16_000)
    content = bytearray(path.read_bytes())
    at = content.index(b"COMM") + 10
    content[at : at + 4] = b"\x7f\xff\xff\xff"
    path.write_bytes(content)


def sphere(path: Path) -> None:
    head = "NIST_1A\n   1024\nchannel_count -i 1\nsample_count -i 1000000000000\nsample_rate -i 16000\n"
    head += "sample_n_bytes -i 2\nsample_byte_format -s2 01\nend_head\n"
    path.write_bytes(head.encode().ljust(1024) + bytes(3200))


def textgrid(path: Path) -> None:
    text = textgrid_text([(0.0, 0.1, "a")]).replace("intervals: size = 1", "intervals: size = 999999999")
    (path.parent / "x.TextGrid").write_text(text)
    soundfile.write(path.parent / "x.wav", noise(0.1, 16_000), 16_000)


def own(path: Path) -> None:
    settings = Settings().changed({"recogniser.kind": "dnn", "recogniser.hidden": ",".join(["65536"] * 30)})
    record(path.parent, settings, "none", 1)
    head = json.dumps({"__metadata__": {"phones": "a b"}}).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head)


KINDS: dict[str, tuple[str, Callable[[Path], None], str, str]] = {
    "npy": ("acts", npy, "a.npy", "it is broken or cut short"),
    "npz": ("acts", npz, "a.npz", "says that it takes 4,000.0 GB, of which the file holds 0.0 MB"),
    "npz bomb": ("acts", npz_bomb, "a.npz", "says that it takes 0.3 GB, of which"),
    "hdf5": ("acts", hdf5, "a.h5", "says that it takes 40.0 GB, of which the file holds 0.0 MB"),
    "hdf5 elsewhere": ("acts", hdf5_elsewhere, "a.h5", "lies in another file"),
    "pt": ("acts", pt, "a.pt", "says that it takes 4.0 GB, of which the file holds 0.0 MB"),
    "pt sparse": ("acts", pt_sparse, "a.pt", "it holds a sparse_coo tensor"),
    "safetensors": ("acts", safetensors, "a.safetensors", "it is broken or cut short"),
    "safetensors' head": ("acts", safetensors_head, "a.safetensors", "it is broken or cut short"),
    "wav": ("audio", wav, "a.wav", "the audio is cut short: 3,200 bytes of samples of 1,879,048,192"),
    "flac": ("audio", flac, "a.flac", "the audio is cut short: 0.10 s of 4294967.30 s"),
    "aiff": ("audio", aiff, "a.aiff", ""),
    "sphere": ("audio", sphere, "a.sph", "the audio is cut short: 3,200 bytes of samples of 2,000,000,000,000"),
    "textgrid": ("corpus", textgrid, "", "999999999 can not be the number of intervals"),
    "own": ("own", own, "model.safetensors", "its weights have other names or shapes"),
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str]]:
    """What reading each file says, in one process that has little memory left."""
    folder = tmp_path_factory.mktemp("sizes")
    paths, lines = {}, []
    for name, (kind, write, file, _) in KINDS.items():
        path = folder / name / (file or "x")
        path.parent.mkdir()
        write(path)
        paths[name] = path if file else path.parent
        lines.append(json.dumps([kind, str(paths[name])]))
    program = READ.replace("ALLOWED", str(ALLOWED))
    environment: dict[str, Any] = {**os.environ, "OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], input="\n".join(lines), capture_output=True, text=True, check=False,
        env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(zip(paths, zip(paths.values(), map(json.loads, done.stdout.splitlines()), strict=True), strict=True))


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the memory is limited on Linux")
@pytest.mark.parametrize("name", KINDS)
def test_a_claim_allocates_nothing(name: str, answers: dict[str, tuple[Path, str]]) -> None:
    path, said = answers[name]
    expected = KINDS[name][3]
    assert not said.startswith("FAULT"), said
    assert "\n" not in said
    assert expected in said
    assert bool(said) == bool(expected)
    assert said.startswith(str(path)) or not said


def test_silence_that_is_packed_densely_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "silence.flac"
    soundfile.write(path, np.zeros(3_000_000, np.int16), 16_000)
    assert path.stat().st_size < 30_000, "else nothing is counted"
    assert audio_info(path).frames == 3_000_000
