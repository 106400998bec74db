"""A model from elsewhere is probed as a whole, small: the files, going on, refusing; and a recogniser of our own."""

from __future__ import annotations

import os
import re
import sys
import threading
import tomllib
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import parametrizations

from made_cluster import make_cluster
from phonoscope import dask_workers, model_run
from phonoscope.cli import main
from phonoscope.cutting import cut_samples
from phonoscope.errors import ModelError, PhonoscopeError, WorkersError
from phonoscope.experiment import run
from phonoscope.model_run import probe, sizes_table
from phonoscope.models.adapter import Adapter
from phonoscope.models.own_models import load_own
from phonoscope.models.times import Layer
from phonoscope.progress import Quiet
from phonoscope.recogniser.building import build_recogniser
from phonoscope.redrawing import redraw
from phonoscope.results import Run
from phonoscope.rundir import read_config, record
from phonoscope.settings import Settings
from phonoscope.users_modules import users_modules
from phonoscope.workers import Processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from distributed import LocalCluster

    from conftest import WriteAudio, WriteGrid

PHONES = ("i", "u", "a", "s")
SMALL = {
    "corpus.phones": "french",
    "corpus.validation": 0.5,
    "signal.n_mels": 24,
    "signal.context": 3,
    "probing.n_per_phone": 6,
    "probing.minimum": 2,
    "reduction.tsne_iterations": 250,
    "selection.stability_splits": 0,
    "selection.kmedians_criterion": "silhouette",
    "selection.spectral_criterion": "silhouette",
    "selection.permutations": 99,
    "evaluation.seeds": 2,
    "evaluation.replicates": 20,
    "evaluation.shuffles": 3,
}
FACTORY = """
import torch
from torch import nn
from phonoscope import Adapter

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 8, 400, 160, 120)
        self.relu = nn.ReLU()
        self.state = nn.GRU(8, 6, batch_first=True)

    def forward(self, samples):
        return self.state(self.relu(self.conv(samples[:, None])).transpose(1, 2))[0]

def net(seed=0, offset=0.005):
    torch.manual_seed(seed)
    return Adapter(Net(), 16000, 0.01, offset)

def other():
    return net(1)
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, write_audio: WriteAudio, write_grid: WriteGrid) -> Path:
    folder = tmp_path_factory.mktemp("corpora") / "speech"
    for speaker in "abcd":
        for number in range(2):
            labels = [PHONES[(i + number) % 4] for i in range(12)]
            write_audio(folder / speaker / f"{speaker}{number}.wav", 1.3)
            phones = [(0.1 * i, 0.1 * (i + 1), label) for i, label in enumerate(labels)]
            write_grid(folder / speaker / f"{speaker}{number}.TextGrid", phones)
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The current folder, which has a package with a network."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "planted_networks.py").write_text(FACTORY)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", [*sys.path])
        yield folder
        sys.modules.pop("planted_networks", None)


def arguments(model: str, corpus: Path, out: Path) -> list[str]:
    given = [f"--{name}={value}" for name, value in SMALL.items()]
    return ["probe", model, str(corpus), "--out", str(out), *given, "--jobs", "2"]


@pytest.fixture(scope="module")
def probed(corpus: Path, place: Path) -> Run:
    out = place / "run"
    assert main([*arguments("planted_networks:net", corpus, out), "--probe.layers", "conv,state", "--quiet"]) == 0
    return Run(out)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """Two workers in a folder that has nothing to do with the current one."""
    with make_cluster(tmp_path_factory.mktemp("elsewhere"), 2) as found:
        yield found


class Heard(Quiet):
    """Ends a run once the activations are there."""

    def say(self, text: str) -> None:
        if text == "clustering":
            raise KeyboardInterrupt

    @contextmanager
    def bar(self, text: str, total: int, counted: str) -> Iterator[Callable[[int], None]]:  # noqa: ARG002
        self.say(text)
        yield lambda _steps: None


def test_processes_compute_the_same_activations(
    probed: Run, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[int, int]] = []

    class Counted(Processes):
        def __init__(self, processes: int, threads: int) -> None:
            given.append((processes, threads))
            super().__init__(processes, threads)

    monkeypatch.setattr(model_run, "Processes", Counted)
    monkeypatch.setattr(model_run, "_WORTH_PROCESSES", 0.0)
    settings = Settings().changed({**SMALL, "probe.layers": "conv,state"})
    with pytest.raises(KeyboardInterrupt):
        probe("planted_networks:net", corpus, out=tmp_path / "run", settings=settings, jobs=2, progress=Heard())
    assert given == [(2, 1)]
    for layer in ("conv", "state"):
        file = f"activations/{layer}.npy"
        assert (tmp_path / "run" / file).read_bytes() == (probed.path / file).read_bytes()


def test_workers_that_were_started_elsewhere_give_every_file_byte_for_byte(
    probed: Run, corpus: Path, place: Path, cluster: LocalCluster, capfd: pytest.CaptureFixture[str]
) -> None:
    out = place / "shared-out"
    speech = Path(os.path.relpath(corpus, place))  # a path that means something in this folder only
    shared_out = ["--probe.layers", "conv,state", "--scheduler", cluster.scheduler_address]
    assert main([*arguments("planted_networks:net", speech, out), *shared_out]) == 0
    assert "workers: 2 with 2 threads" in capfd.readouterr().err
    files = sorted(path.relative_to(out) for path in out.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(probed.path) for path in probed.path.rglob("*") if path.is_file())
    different = [str(file) for file in files if (out / file).read_bytes() != (probed.path / file).read_bytes()]
    assert different == ["files.json"]  # which has the times at which the others were written, and checksums of them


def test_a_module_that_no_worker_finds_is_one_sentence(
    corpus: Path,
    cluster: LocalCluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "planted_hidden.py").write_text(FACTORY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dask_workers, "users_modules", lambda: users_modules()._replace(places=()))
    command = arguments("planted_hidden:net", corpus, tmp_path / "out")
    assert main([*command, "--scheduler", cluster.scheduler_address, "--quiet"]) == 2
    sys.modules.pop("planted_hidden")
    said = capfd.readouterr().err
    assert "Traceback" not in said
    assert said.count("phonoscope: ") == 1
    assert re.fullmatch(
        r"phonoscope: the worker on \S+ \(process \d+\) can not load what it is to work with \(No module named "
        r"'planted_hidden'\); install planted_hidden there, or start workers where they find the model's module .*",
        said.splitlines()[-1],
    )


def test_an_adapter_from_python_is_sent_to_workers_or_refused(
    corpus: Path, cluster: LocalCluster, tmp_path: Path
) -> None:
    class Net(nn.Module):  # found in no module
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(4)
            self.conv = parametrizations.weight_norm(nn.Conv1d(1, 8, 400, 160, 120), dim=2)

        def forward(self, samples: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.conv(samples)
            return found.transpose(1, 2)

    net, settings, scheduler = Net(), Settings().changed(SMALL), cluster.scheduler_address
    adapter = Adapter(net, 16_000, 0.01, 0.005, prepare=lambda samples: samples[:, None])
    for name, address in (("here", None), ("there", scheduler)):
        with pytest.raises(PulledPlug):
            probe(adapter, corpus, out=tmp_path / name, settings=settings, scheduler=address, jobs=1, progress=Plug())
    here, there = (tmp_path / name / "activations" / "conv.npy" for name in ("here", "there"))
    assert here.read_bytes() == there.read_bytes()
    lock = threading.Lock()

    def locked(samples: torch.Tensor) -> torch.Tensor:
        with lock:
            return samples[:, None]

    bound = replace(adapter, prepare=locked)
    with pytest.raises(WorkersError, match=r"can not be sent to them \(TypeError: .*lock.*run it on this machine"):
        probe(bound, corpus, out=tmp_path / "locked", settings=settings, scheduler=scheduler, jobs=1, progress=Plug())


def test_a_network_that_can_not_be_sent_is_computed_here(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_run, "_WORTH_PROCESSES", 0.0)
    lock, plug = threading.Lock(), Plug()

    def locked(samples: torch.Tensor) -> torch.Tensor:
        with lock:
            return samples[:, None]

    adapter = Adapter(nn.Conv1d(1, 8, 400, 160, 120), 16_000, 0.01, 0.005, prepare=locked)
    with pytest.raises(PulledPlug):
        probe(adapter, corpus, out=tmp_path / "out", settings=Settings().changed(SMALL), jobs=2, progress=plug)
    assert any("can not be sent to other processes" in line for line in plug.said)
    assert (tmp_path / "out" / "activations" / "output.npy").exists()


def test_a_probed_run_has_every_file_but_those_of_a_training(probed: Run, corpus: Path) -> None:
    assert probed.finished
    for name in (
        "corpus.parquet",
        "panel.csv",
        "formants.csv",
        "measures.csv",
        "tests.csv",
        "classes.json",
        "figures/figure1.svg",
        "activations/conv.npy",
        "activations/state.npy",
        "activations/times.json",
    ):
        assert (probed.path / name).stat().st_size > 0, name
    for name in ("training.csv", "model.safetensors", "filters.csv", "features"):
        assert not (probed.path / name).exists(), name
    assert list(probed.layers) == ["conv", "state"]
    assert probed.panel.group_by("phone").len()["len"].to_list() == [6] * 4
    segments = pl.read_parquet(probed.path / "corpus.parquet")
    split = probed.panel.join(segments, on=["utterance", "phone", "start", "end"])["split"]
    assert set(split) == {"train", "validation"}, "the panel is drawn from all"
    about = tomllib.loads((probed.path / "config.toml").read_text())["run"]
    assert about["model"] == "planted_networks:net"
    assert about["corpus"] == str(corpus)
    assert about["model_parameters"] == 8 * 401 + 3 * 6 * (8 + 6 + 2)
    assert about["model_sample_rate"] == 16_000
    settings, _ = read_config(probed.path)
    assert not settings.probing.correct_only


def test_its_report_has_no_training(probed: Run) -> None:
    page = (probed.path / "report.html").read_text()
    assert '<section id="measures"' in page
    assert '<section id="training"' not in page
    assert 'href="#training"' not in page
    assert "planted_networks:net" in page
    assert "trained by" not in page


def test_the_same_command_says_that_it_is_finished_and_another_model_is_refused(
    probed: Run, corpus: Path, place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    layers = ["--probe.layers", "conv,state"]
    before = {path: path.stat().st_mtime_ns for path in probed.path.rglob("*")}
    assert main([*arguments("planted_networks:net", corpus, probed.path), *layers]) == 0
    assert "this run is finished" in capfd.readouterr().err
    assert main([*arguments("planted_networks:other", corpus, probed.path), *layers]) == 2
    assert "holds a run with another model (planted_networks:net)" in capfd.readouterr().err
    # the same name, and other weights or times
    source = place / "planted_networks.py"
    for old, new, what in (
        ("seed=0", "seed=3", "another state of the model planted_networks:net"),
        ("offset=0.005", "offset=0.0", "another adapter of the model (hop 0.01 s, offset 0.005 s"),
    ):
        source.write_text(FACTORY.replace(old, new) + "# longer, so that it is compiled again\n" * 3)
        sys.modules.pop("planted_networks", None)
        assert main([*arguments("planted_networks:net", corpus, probed.path), *layers]) == 2
        assert what in capfd.readouterr().err
        source.write_text(FACTORY)
        sys.modules.pop("planted_networks", None)
    assert {path: path.stat().st_mtime_ns for path in probed.path.rglob("*")} == before


class PulledPlug(Exception):  # noqa: N818 - not an error of anything
    pass


class Plug(Quiet):
    """Ends a run once it has its activations."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def bar(self, text: str, total: int, counted: str):  # type: ignore[no-untyped-def] # noqa: ANN201
        if text == "clustering":
            raise PulledPlug
        return super().bar(text, total, counted)


def test_another_model_replaces_the_run_when_told_to(probed: Run, corpus: Path, place: Path) -> None:
    out = place / "replaced"
    settings = Settings().changed({**SMALL, "probe.layers": "state"})
    plugs = []
    for model in ("net", "other"):
        plugs.append(Plug())
        with pytest.raises(PulledPlug):
            probe(f"planted_networks:{model}", corpus, out=out, settings=settings, overwrite=True, progress=plugs[-1])
    assert read_config(out)[1]["model"] == "planted_networks:other"
    assert not np.array_equal(Run(out).activations("state"), probed.activations("state"))
    assert any(line.split()[:3] == ["state", "6", "6"] for line in plugs[0].said), "the table of sizes was not said"
    # interrupted before the clustering, it goes on from the activations
    written = (out / "activations" / "state.npy").stat().st_mtime_ns
    with pytest.raises(PulledPlug):
        probe("planted_networks:other", corpus, out=out, settings=settings, progress=Plug())
    assert (out / "activations" / "state.npy").stat().st_mtime_ns == written


def test_activations_are_those_of_the_network_at_the_panels_times(probed: Run, corpus: Path) -> None:
    import soundfile  # noqa: PLC0415

    networks = sys.modules.get("planted_networks") or __import__("planted_networks")
    net = networks.net().module.eval()
    row = probed.panel.row(9, named=True)
    (path,) = corpus.rglob(f"{row['utterance'].rpartition('/')[2]}.wav")
    samples = torch.from_numpy(soundfile.read(path, dtype="float32")[0])
    with torch.inference_mode():
        states = net(samples[None])[0]
    nearest = states[round((row["time"] - 0.005) / 0.01)].numpy()
    np.testing.assert_allclose(probed.activations("state")[9], nearest, atol=1e-6)


def test_samples_are_cut_and_the_report_is_drawn_again(probed: Run, tmp_path: Path) -> None:
    (cut,) = cut_samples(probed.path, [3], out=tmp_path)
    assert cut.audio.stat().st_size > 1000
    page = (probed.path / "report.html").read_bytes()
    redraw(probed.path)
    assert (probed.path / "report.html").read_bytes() == page


def test_what_is_not_there_is_one_sentence_and_status_2(
    corpus: Path, place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for model, speech, message in (
        ("no/such/model", corpus, "no/such/model: there is no such file or folder"),
        ("planted_networks:none", corpus, "planted_networks has no function none"),
        ("planted_networks:net", place / "nowhere", "nowhere"),
    ):
        assert main(arguments(model, speech, place / "refused")) == 2
        said = capfd.readouterr().err
        assert said.count("phonoscope: ") == 1
        assert message in said
        assert "Traceback" not in said
    assert main([*arguments("planted_networks:net", corpus, place / "refused"), "--probe.layers", "stat"]) == 2
    assert "no layer is called 'stat'; there are state" in capfd.readouterr().err


def saved(folder: Path, settings: Settings, phones: tuple[str, ...] = PHONES) -> Path:
    """A run's folder as it is after a training, which did not take place."""
    folder.mkdir()
    network = build_recogniser(len(phones), settings)
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(state, folder / "model.safetensors", metadata={"phones": " ".join(phones)})
    record(folder, settings, "elsewhere", 1)
    return folder


@pytest.mark.parametrize(("kind", "correct_only"), [("cnn", False), ("untrained", True)])
def test_an_own_recogniser_gives_what_its_own_run_gave(
    corpus: Path,
    tmp_path: Path,
    kind: str,
    correct_only: bool,  # noqa: FBT001
) -> None:
    phones = tuple(phone for phone in corpus_phones(corpus))
    settings = Settings().changed({**SMALL, "recogniser.kind": kind, "probing.correct_only": correct_only, "seed": 5})
    own = saved(tmp_path / "own", settings, phones)
    record(own, settings, str(corpus.resolve()), 1)
    with pytest.raises(PulledPlug):
        run(corpus, out=own, settings=settings, progress=Plug())
    # the signal, the recogniser, and as it is the same corpus its split and the seed are the run's, whatever is said
    asked = Settings().changed({**SMALL, "probing.correct_only": correct_only, "seed": 6, "signal.n_mels": 40,
                                "corpus.split": "utterance", "probe.layers": "mp*, D3"})  # fmt: skip
    with pytest.raises(PulledPlug):
        probe(own / "model.safetensors", corpus, out=tmp_path / "probed", settings=asked, progress=Plug())
    first, second = Run(own), Run(tmp_path / "probed")
    assert second.panel.equals(first.panel)
    assert list(second.layers) == ["mp1", "mp2", "D3"]
    for layer in second.layers:
        np.testing.assert_array_equal(second.activations(layer), first.activations(layer))
    assert read_config(second.path)[1]["model"] == str(own.resolve())


def corpus_phones(corpus: Path) -> tuple[str, ...]:
    from phonoscope.corpus.reading import read_corpus  # noqa: PLC0415

    return read_corpus(corpus, Settings().changed(SMALL), jobs=1, progress=Quiet()).phones


def test_own_recognisers_that_do_not_fit_are_told_of(corpus: Path, tmp_path: Path) -> None:
    settings = Settings().changed(SMALL)
    own = saved(tmp_path / "own", settings, ("x", "y"))
    assert load_own(own).phones == ("x", "y")
    with pytest.raises(ModelError, match=r"knows other phones than the corpus has \(x y; .*correct_only false"):
        probe(own, corpus, out=tmp_path / "out", settings=settings)
    with pytest.raises(ModelError, match="no layer is called 'conv3'; there are conv"):
        probe(own, corpus, out=tmp_path / "layers", settings=settings.changed({"probe.layers": "conv3"}))
    record(own, settings.changed({"signal.n_mels": 40}), "elsewhere", 1)
    with pytest.raises(ModelError, match=r"not the recogniser that config.toml beside it tells of"):
        load_own(own)
    (own / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(ModelError, match="not the recogniser"):
        load_own(own)
    (own / "config.toml").unlink()
    with pytest.raises(PhonoscopeError, match="holds no run"):
        probe(own / "model.safetensors", corpus, out=tmp_path / "none", settings=settings)


def test_the_table_of_sizes_is_aligned() -> None:
    lines = sizes_table([Layer("conv", (128, 32), 0.01, 0.005), Layer("", (6,), 0.0125, 0.0)], 1000)
    assert lines[1].split() == ["conv", "128", "×", "32", "4,096", "10", "5", "16.4"]
    assert lines[2].split() == ["output", "6", "6", "12.5", "0", "0.0"]
    assert len({line.index(word) for line, word in zip(lines, ("units", "4,096", "6  "), strict=True)}) <= 2
