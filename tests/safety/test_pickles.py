"""A pickle in any file that a user can give is not run: one sentence, status 2."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
import transformers

from corpus.formats.writing import SPEECH, csv_table, textgrids
from phonoscope.rundir import record
from phonoscope.settings import Settings
from safety.commands import refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[Path, bytes, object], None]

PROBED = ["--probe.frame_rate", "50", "--probing.minimum", "2", "--probing.n_per_phone", "2", "--corpus.phones", "own"]


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("speech") / "corpus"
    textgrids(folder)
    return folder


def test_the_trap_works(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Trap(tmp_path / "mark")))  # noqa: S301 - what the others hold would not happen is shown
    assert (tmp_path / "mark").is_dir()


def raw(path: Path, content: bytes, _trap: object) -> None:
    path.write_bytes(content)


def of_objects(path: Path, _content: bytes, trap: object) -> None:
    array = np.array([trap], object)
    if path.suffix == ".npz":
        np.savez(path, acts=array)
    else:
        np.save(path, array)


def renamed_member(path: Path, content: bytes, _trap: object) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("acts.npy", content)


def of_torch(path: Path, _content: bytes, trap: object) -> None:
    torch.save({"acts": trap}, path)


def of_torch_once(path: Path, _content: bytes, trap: object) -> None:
    torch.save({"acts": trap}, path, _use_new_zipfile_serialization=False)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize(
    ("suffix", "write"),
    [
        (".npy", raw),
        (".npy", of_objects),
        (".npz", raw),
        (".npz", of_objects),
        (".npz", renamed_member),
        (".pt", raw),
        (".pt", of_torch),
        (".pth", of_torch_once),
        (".h5", raw),
        (".safetensors", raw),
    ],
)
def test_stored_activations(
    suffix: str, write: Write, speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trap = Trap(tmp_path / "mark")
    acts = tmp_path / "acts"
    acts.mkdir()
    for one in SPEECH:
        write(acts / f"{one.name}{suffix}", pickle.dumps(trap), trap)
    complaint = refused(capsys, "probe", acts, speech, "--out", tmp_path / "run", *PROBED)
    assert complaint.startswith(f"{acts}/")
    assert suffix in complaint
    assert "can not be read" in complaint
    assert not trap.mark.exists()


@pytest.fixture(scope="module")
def wav2vec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library: Any = transformers
    sizes: dict[str, Any] = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
    sizes |= {"conv_dim": (8,), "conv_kernel": (400,), "conv_stride": (320,), "num_feat_extract_layers": 1}
    sizes |= {"num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2}
    folder = tmp_path_factory.mktemp("hf") / "model"
    library.Wav2Vec2Model(library.Wav2Vec2Config(**sizes)).save_pretrained(folder)
    library.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    return folder


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("file", ["pytorch_model.bin", "model.safetensors"])
@pytest.mark.parametrize("write", [raw, of_torch, of_torch_once])
def test_weights_of_hugging_face(
    file: str, write: Write, wav2vec: Path, speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trap = Trap(tmp_path / "mark")
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "preprocessor_config.json"):
        (folder / name).write_bytes((wav2vec / name).read_bytes())
    write(folder / file, pickle.dumps(trap), trap)
    complaint = refused(capsys, "probe", folder, speech, "--out", tmp_path / "run", *PROBED)
    assert f"{folder}: there is no model that can be read" in complaint
    assert not trap.mark.exists()


def test_programs_that_a_config_names_are_not_fetched(
    wav2vec: Path, speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in wav2vec.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    content = json.loads((wav2vec / "config.json").read_text()) | {"attn_implementation": "somebody/kernel"}
    (tmp_path / "config.json").write_text(json.dumps(content))
    complaint = refused(capsys, "probe", tmp_path, speech, "--out", tmp_path / "run", *PROBED)
    assert "its config.json asks for a program from the hub (somebody/kernel)" in complaint


def test_a_run_of_our_own(speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trap = Trap(tmp_path / "mark")
    record(tmp_path, Settings(), str(speech), 1)
    for write in (raw, of_torch):
        write(tmp_path / "model.safetensors", pickle.dumps(trap), trap)
        complaint = refused(capsys, "probe", tmp_path / "model.safetensors", speech, "--out", tmp_path / "run")
        assert "model.safetensors: this is not the recogniser that config.toml beside it tells of" in complaint
    assert not trap.mark.exists()


@pytest.mark.parametrize("name", ["phones.parquet", "phones.csv", "cuts.jsonl.gz", "FAKS0/SI943.wav"])
def test_a_corpus(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trap = Trap(tmp_path / "mark")
    csv_table(tmp_path / "c")
    if name.endswith(".wav"):
        (tmp_path / "c/wav/SI943.wav").write_bytes(pickle.dumps(trap))
    else:
        (tmp_path / "c/phones.csv").unlink()
        (tmp_path / "c" / name).write_bytes(pickle.dumps(trap))
    kind = "lhotse" if "cuts" in name else "table"
    complaint = refused(capsys, "run", tmp_path / "c", "--out", tmp_path / "run", "--corpus.format", kind)
    assert str(tmp_path / "c") in complaint
    assert not trap.mark.exists()
