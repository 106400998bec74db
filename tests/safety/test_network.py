"""Nothing is downloaded, and nobody is called, unless it was asked for."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
import transformers

from corpus.formats.writing import textgrids
from made_run import Plan, make_run
from phonoscope.errors import ModelError
from phonoscope.models.huggingface import hugging_face
from safety.commands import refused, said

if TYPE_CHECKING:
    from pathlib import Path

SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
SIZES |= {"num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2, "num_feat_extract_layers": 1}
CONV = {"conv_dim": (8,), "conv_kernel": (400,), "conv_stride": (320,)}
PROBED = ("--corpus.phones", "own", "--probing.minimum", "2", "--probing.n_per_phone", "2", "--jobs", "1")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Everybody whom the process tried to reach; nobody is."""
    found: list[object] = []

    def call(*whom: object, **_how: object) -> None:
        found.append(whom)
        msg = "there is no network in this test"
        raise OSError(msg)

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, call)
    for name in ("getaddrinfo", "create_connection", "gethostbyname"):
        monkeypatch.setattr(socket, name, call)
    return found


def test_calls_are_seen(calls: list[object]) -> None:
    with pytest.raises(OSError, match="no network"):
        socket.create_connection(("127.0.0.1", 9))
    with socket.socket() as one, pytest.raises(OSError, match="no network"):
        one.connect(("127.0.0.1", 9))
    assert len(calls) == 2


def test_a_name_is_fetched_only_if_that_was_asked_for(
    calls: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    textgrids(tmp_path / "c")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    common = ("no-one/no-model", tmp_path / "c", "--out", tmp_path / "run")
    complaint = refused(capsys, "probe", *common)
    assert complaint.startswith("no-one/no-model: there is no such folder, and no model of this name was downloaded")
    assert "--download" in complaint
    assert calls == []
    library: Any = transformers
    asked: list[bool] = []

    def listen(_name: str, **how: Any) -> None:  # noqa: ANN401
        asked.append(how["local_files_only"])
        raise OSError

    monkeypatch.setattr(library.AutoConfig, "from_pretrained", listen)
    assert "there is no such model here or on the hub" in refused(capsys, "probe", *common, "--download")
    assert asked == [False]


def test_a_folder_is_never_looked_for_elsewhere(
    calls: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library: Any = transformers
    asked: list[bool] = []

    def listen(_name: str, **how: Any) -> None:  # noqa: ANN401
        asked.append(how["local_files_only"])
        raise OSError

    monkeypatch.setattr(library.AutoConfig, "from_pretrained", listen)
    for download in (True, False):
        with pytest.raises(ModelError, match="there is no model that can be read"):
            hugging_face(str(tmp_path), download=download)
    assert asked == [True, True]
    assert calls == []


def test_a_check_a_probe_and_an_analysis_call_nobody(
    calls: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    textgrids(tmp_path / "c")
    library: Any = transformers
    folder = tmp_path / "model"
    library.Wav2Vec2Model(library.Wav2Vec2Config(**SIZES, **CONV)).save_pretrained(folder)
    library.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    said(capsys, "check", tmp_path / "c", "--json", *PROBED)

    def stop(*_given: object) -> None:
        msg = "stopped: the activations are there"
        raise ModelError(msg)

    # the same analysis as that of the made run below
    monkeypatch.setattr("phonoscope.experiment.analyse", stop)
    assert "the activations are there" in refused(
        capsys, "probe", folder, tmp_path / "c", "--out", tmp_path / "run", *PROBED
    )
    assert list((tmp_path / "run" / "activations").glob("*.npy"))
    made = make_run(tmp_path / "made", Plan(layers={"D1": (8,)}, samples=6))
    assert said(capsys, "report", made.path).status == 0
    assert calls == []
