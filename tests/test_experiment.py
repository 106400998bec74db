"""The whole experiment, small: the files, the numbers twice, going on, and refusing."""

from __future__ import annotations

import shutil
import tomllib
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import polars as pl
import pytest
from safetensors import safe_open

import phonoscope
from phonoscope import experiment
from phonoscope.cli import main
from phonoscope.corpus.synth import write_synthetic
from phonoscope.corpus.types import Corpus
from phonoscope.errors import PanelError, PhonoscopeError, RunDirectoryError, SettingError
from phonoscope.evaluation.separability import separability
from phonoscope.experiment import run
from phonoscope.panel_files import _ipa
from phonoscope.progress import Quiet
from phonoscope.redrawing import redraw
from phonoscope.results import Run
from phonoscope.rundir import record
from phonoscope.settings import Settings, read_settings
from phonoscope.signal import extraction
from phonoscope.signal.frames import read_frames

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import WriteAudio, WriteGrid

LAYERS = ("raw", "conv1", "mp1", "conv2", "mp2", "D1", "D2", "D3")
# of the paper's windows, 11 × 40, which the run over real French has; and of those of the small runs, 7 × 24
PAPERS_WIDTHS = (1320, 10368, 3456, 3584, 1792, 1024, 1024, 1024)
WIDTHS = (504, 3200, 960, 384, 192, 1024, 1024, 1024)
# the criteria that compare no halvings of the panel; test_selection and the README's example have that
FEW_CRITERIA = {
    "selection.stability_splits": 0,
    "selection.kmedians_criterion": "silhouette",
    "selection.spectral_criterion": "silhouette",
    "selection.permutations": 99,
}
SMALL = Settings().changed(
    {
        "signal.n_mels": 24,
        "signal.context": 3,
        "synth.train_minutes": 2,
        "synth.validation_minutes": 1,
        "synth.train_voices": 6,
        "synth.validation_voices": 3,
        "recogniser.max_epochs": 2,
        "probing.n_per_phone": 6,
        "probing.minimum": 2,
        "probing.correct_only": False,
        "reduction.tsne_iterations": 250,
        **FEW_CRITERIA,
        "evaluation.seeds": 2,
        "evaluation.replicates": 20,
        "evaluation.shuffles": 3,
    }
)


class PulledPlug(Exception):  # noqa: N818 - not an error of anything
    pass


class Plug(Quiet):
    """Ends a run where a stage's bar would start, or a text is said."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def bar(self, text: str, total: int, counted: str):  # type: ignore[no-untyped-def] # noqa: ANN201
        if text == self.stage:
            raise PulledPlug
        return super().bar(text, total, counted)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic") / "corpus"
    write_synthetic(folder, SMALL.synth, jobs=2, progress=Quiet())
    return folder


@pytest.fixture(scope="module")
def finished(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(corpus, out=tmp_path_factory.mktemp("runs") / "first", settings=SMALL)


def test_every_file_of_the_design_is_there(finished: Run) -> None:
    for name in (
        "config.toml",
        "corpus.parquet",
        "model.safetensors",
        "training.csv",
        "panel.parquet",
        "clusters.parquet",
        "scores.csv",
        "sweep.parquet",
        "selection.csv",
        "measures.csv",
        "replicates.parquet",
        "outcomes.parquet",
        "tests.csv",
        "classes.json",
        "classes.csv",
        "organisation.csv",
        "filters.csv",
        "analogies.csv",
        "analogies.parquet",
        "linear.csv",
        "linear_layers.csv",
        "speakers.csv",
        "panel_size.csv",
        "formants.csv",
        "figures/figure1.svg",
        "figures/figure2-conv1-pca.svg",
        "figures/figure2-conv1-tsne.svg",
        "report.html",
        *(f"activations/{layer}.npy" for layer in LAYERS),
        *(f"embeddings/{layer}-{reduction}.npy" for layer in LAYERS for reduction in ("pca", "tsne")),
    ):
        assert (finished.path / name).stat().st_size > 0, name
    assert (finished.path / "warnings.txt").read_text() == ""
    assert not list(finished.path.rglob(".*")), "a temporary file was left behind"


def test_a_cell_a_row_and_its_figures_follow_from_the_clusters(finished: Run) -> None:
    scores = finished.scores
    assert scores.columns[:11] == [
        "layer",
        "reduction",
        "clusterer",
        "k",
        "seed",
        "precision",
        "recall",
        "f_measure",
        "n_samples",
        "n_phones",
        "n_phones_found",
    ]
    assert scores.height == 8 * 3 * 2 * 2
    assert scores.select("layer", "reduction", "clusterer", "seed").is_unique().all()
    assert set(scores["k"]) == {finished.panel["phone"].n_unique()}
    phones = finished.panel.sort("sample")["phone"].to_list()
    keys = ["layer", "reduction", "clusterer", "seed"]
    for (layer, reduction, clusterer, seed), cell in finished.clusters.group_by(keys):
        row = scores.row(
            by_predicate=(pl.col("layer") == layer)
            & (pl.col("reduction") == reduction)
            & (pl.col("clusterer") == clusterer)
            & (pl.col("seed") == seed),
            named=True,
        )
        measured = separability(phones, cell.sort("sample")["cluster"].to_list())
        assert row["f_measure"] == pytest.approx(measured.f_measure)
        assert row["n_phones_found"] == measured.n_phones_found


def test_panel_samples_lie_on_the_third_frame_of_validation_segments(finished: Run, corpus: Path) -> None:
    segments = pl.read_parquet(finished.path / "corpus.parquet")
    joined = finished.panel.join(segments, on=["utterance", "phone", "start", "end"], how="left")
    assert joined["split"].to_list() == ["validation"] * finished.panel.height
    # the first frame centre at or after the start, and two more
    first = np.ceil(np.round(joined["start"].to_numpy() / 0.01 - 0.5, 6))
    np.testing.assert_allclose(finished.panel["time"].to_numpy(), (first + 2.5) * 0.01, atol=1e-6)
    assert finished.panel.group_by("phone").len()["len"].to_list() == [6] * 33
    assert (corpus / f"{finished.panel['utterance'][0]}.flac").exists()


def test_activations_have_the_layers_widths(finished: Run) -> None:
    for layer, width in zip(LAYERS, WIDTHS, strict=True):
        found = finished.activations(layer)
        assert found.shape == (finished.panel.height, width)
        assert found.dtype == np.float32
        assert np.isfinite(found).all()
    assert (finished.activations("mp2").min(), finished.activations("D3").min()) == (0, 0), "ReLU leaves no negatives"


def test_config_says_what_was_run_and_serves_as_settings(finished: Run, corpus: Path) -> None:
    path = finished.path / "config.toml"
    assert read_settings(path, Settings()) == SMALL
    about = tomllib.loads(path.read_text())["run"]
    assert about["corpus"] == str(corpus)
    assert about["phonoscope"] == phonoscope.__version__
    assert {"torch", "numpy"} <= about["libraries"].keys()


def test_the_model_file_names_its_phones(finished: Run) -> None:
    with safe_open(finished.path / "model.safetensors", framework="np") as file:
        assert len(file.metadata()["phones"].split(" ")) == 33
        assert file.get_slice("output.weight").get_shape() == [33, 1024]


def test_the_learning_curve_has_an_epoch_a_row(finished: Run) -> None:
    training = finished.training
    assert training.columns == [
        "epoch",
        "training_loss",
        "validation_loss",
        "frame_accuracy",
        "phone_error_rate",
        "seconds",
    ]
    assert training["epoch"].to_list() == [1, 2]
    assert training["training_loss"][1] < training["training_loss"][0]


def test_another_seed_gives_other_scores_and_overwritten_by_the_same_seed_the_same_to_the_byte(
    finished: Run, corpus: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    other = run(corpus, out=out, settings=SMALL.changed({"seed": 1}))
    assert not other.scores.equals(finished.scores)
    assert not other.panel.equals(finished.panel)
    (out / "notes.txt").write_text("mine")
    with pytest.raises(RunDirectoryError, match=r"setting seed \(1\).*--overwrite"):
        run(corpus, out=out, settings=SMALL)
    with pytest.raises(RunDirectoryError, match="another corpus"):
        run(tmp_path, out=out, settings=SMALL.changed({"seed": 1}))
    again = run(corpus, out=out, settings=SMALL, overwrite=True)
    assert (out / "notes.txt").read_text() == "mine"
    for path in sorted(finished.path.rglob("*")):
        name = str(path.relative_to(finished.path))
        if path.is_dir() or name in ("training.csv", "report.html", "files.json"):  # times
            continue
        assert (again.path / name).read_bytes() == (finished.path / name).read_bytes(), name


def test_a_finished_run_is_not_done_again(finished: Run, corpus: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.path.rglob("*")}
    again = run(corpus, out=finished.path, settings=SMALL)
    assert {path: path.stat().st_mtime_ns for path in again.path.rglob("*")} == before


def test_an_interrupted_run_goes_on_to_the_same_end(finished: Run, corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    # ended once after the training
    for name in ("config.toml", "corpus.parquet", "labels.csv", "model.safetensors", "training.csv"):
        shutil.copy(finished.path / name, out)
    trained = (out / "model.safetensors").stat().st_mtime_ns
    # and a second time after the activations
    with pytest.raises(PulledPlug):
        run(corpus, out=out, settings=SMALL, progress=Plug("clustering"))
    for name in ("panel.parquet", "activations/conv2.npy"):
        assert (out / name).read_bytes() == (finished.path / name).read_bytes()
    assert not (out / "scores.csv").exists()
    probed = (out / "activations" / "conv2.npy").stat().st_mtime_ns
    assert run(corpus, out=out, settings=SMALL).finished
    assert (out / "model.safetensors").stat().st_mtime_ns == trained
    assert (out / "activations" / "conv2.npy").stat().st_mtime_ns == probed
    assert (out / "scores.csv").read_bytes() == (finished.path / "scores.csv").read_bytes()


def test_a_run_is_replaced_only_once_the_new_one_can_start(finished: Run, corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(finished.path, out)
    (out / "figures" / "mine.png").write_text("mine")
    before = {path for path in out.rglob("*") if path.is_file()}
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(PhonoscopeError, match="empty"):
        run(empty, out=out, settings=SMALL, overwrite=True)
    too_many = SMALL.changed({"probing.minimum": 5000, "probing.n_per_phone": 5000})
    with pytest.raises(PanelError):
        run(corpus, out=out, settings=too_many, overwrite=True)
    assert {path for path in out.rglob("*") if path.is_file()} == before


def test_a_corpus_that_changed_is_not_mixed_with_what_was_trained(finished: Run, corpus: Path, tmp_path: Path) -> None:
    speech, out = tmp_path / "speech", tmp_path / "run"
    shutil.copytree(corpus, speech)
    shutil.copytree(finished.path, out)
    config = (out / "config.toml").read_text().replace(str(corpus), str(speech))
    (out / "config.toml").write_text(config)
    (out / "panel.parquet").unlink()
    next(speech.rglob("*.TextGrid")).unlink()
    with pytest.raises(RunDirectoryError, match="before its files changed"):
        run(speech, out=out, settings=SMALL)
    trained = (out / "model.safetensors").read_bytes()
    embedded = (out / "embeddings" / "D3-pca.npy").read_bytes()
    assert run(speech, out=out, settings=SMALL, overwrite=True).finished
    assert (out / "model.safetensors").read_bytes() != trained
    assert (out / "embeddings" / "D3-pca.npy").read_bytes() != embedded
    # where nothing is trained yet, nothing can be mixed: the training starts
    (out / "model.safetensors").unlink()
    (out / "panel.parquet").unlink()
    next(speech.rglob("*.TextGrid")).unlink()
    with pytest.raises(PulledPlug):
        run(speech, out=out, settings=SMALL, progress=Plug("epoch 1"))


def test_an_interrupted_training_goes_on_and_ends_with_the_same_bytes(
    finished: Run, corpus: Path, tmp_path: Path
) -> None:
    out, speech = tmp_path / "run", tmp_path / "speech"
    shutil.copytree(corpus, speech)
    with pytest.raises(PulledPlug):
        run(speech, out=out, settings=SMALL, progress=Plug("epoch 2"))
    assert (out / "checkpoint.safetensors").exists()
    assert not (out / "model.safetensors").exists()
    # of other speech: nothing is mixed, and nothing is lost
    grid = next(speech.rglob("*.TextGrid"))
    kept = grid.read_bytes()
    grid.unlink()
    with pytest.raises(RunDirectoryError, match="before its files changed"):
        run(speech, out=out, settings=SMALL)
    grid.write_bytes(kept)
    plug = Plug("clustering")
    with pytest.raises(PulledPlug):
        run(speech, out=out, settings=SMALL, progress=plug)
    assert "training: going on after epoch 1" in plug.said
    assert (out / "model.safetensors").read_bytes() == (finished.path / "model.safetensors").read_bytes()
    assert Run(out).training.drop("seconds").equals(finished.training.drop("seconds"))
    assert not (out / "checkpoint.safetensors").exists()


def test_a_result_that_was_lost_is_made_again(finished: Run, corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(finished.path, out)
    # scores.csv and its like are test_analysis's; a panel that is drawn again takes everything after it along
    for name in ("panel.csv", "classes.json", "figures/figure1.svg", "report.html"):
        (out / name).unlink()
        run(corpus, out=out, settings=SMALL)
        assert (out / name).read_bytes() == (finished.path / name).read_bytes()


def test_a_folder_of_other_things_is_refused_and_left_alone(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(RunDirectoryError, match=r"thesis\.tex"):
        run(corpus, out=tmp_path, settings=SMALL, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(RunDirectoryError, match="this is a file"):
        run(corpus, out=tmp_path / "thesis.tex", settings=SMALL)
    with pytest.raises(RunDirectoryError, match="can not be made"):
        run(corpus, out=tmp_path / "thesis.tex" / "below", settings=SMALL)


def test_too_few_samples_are_found_before_training(corpus: Path, tmp_path: Path) -> None:
    settings = SMALL.changed({"probing.minimum": 5000, "probing.n_per_phone": 5000})
    with pytest.raises(PanelError, match="too few phones have 5000 segments"):
        run(corpus, out=tmp_path / "run", settings=settings)
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_labels_that_were_folded_or_left_out_are_in_a_file(
    tmp_path: Path, write_audio: WriteAudio, write_grid: WriteGrid
) -> None:
    for name in "abcd":
        phones = [
            (0.1 * i, 0.1 * (i + 1), label) for i, label in enumerate(["a", "i", "ɑ", "zzz", "i", "a", "", "zzz"])
        ]
        write_audio(tmp_path / "corpus" / f"{name}.wav", 1.0)
        write_grid(tmp_path / "corpus" / f"{name}.TextGrid", phones)
    settings = SMALL.changed(
        {"corpus.phones": "french", "corpus.validation": 0.5, "recogniser.max_epochs": 1, "clustering.k": 2}
    )
    warned: list[str] = []

    class Listener(Quiet):
        def warn(self, text: str) -> None:
            warned.append(text)

    result = run(tmp_path / "corpus", out=tmp_path / "run", settings=settings, progress=Listener())
    labels = pl.read_csv(result.path / "labels.csv", schema_overrides={"phone": pl.String})
    assert sorted(labels.rows()) == [("zzz", None, 8), ("ɑ", "a", 4)]
    assert any("'zzz' (8)" in line for line in warned)
    assert any("'zzz' (8)" in line for line in result.warnings)
    assert set(result.panel["phone"]) == {"a", "i"}


def test_no_jobs_and_too_many_clusters_are_named(corpus: Path, tmp_path: Path, finished: Run) -> None:
    with pytest.raises(SettingError, match="--jobs 0"):
        run(corpus, out=tmp_path / "run", settings=SMALL, jobs=0)
    out = tmp_path / "run"
    out.mkdir()
    many = SMALL.changed({"clustering.k": 100_000})
    for name in ("corpus.parquet", "panel.csv", "panel.parquet"):
        shutil.copy(finished.path / name, out)
    shutil.copytree(finished.path / "activations", out / "activations")
    record(out, many, str(corpus), 1)
    with pytest.raises(SettingError, match=rf"clustering\.k = 100000: .*{finished.panel.height} samples"):
        run(corpus, out=out, settings=many)


def test_features_of_a_large_corpus_lie_in_a_file_while_it_runs_and_are_found_again(
    corpus: Path, tmp_path: Path, finished: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiment, "read_frames", partial(read_frames, memory=0))
    out = tmp_path / "run"

    def interrupted(*_: Any, **__: Any) -> NoReturn:  # noqa: ANN401
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(experiment, "train", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(corpus, out=out, settings=SMALL)
    assert sorted(path.name for path in (out / "features").iterdir()) == ["index.npz", "static.f32"]
    plug = Plug("clustering")
    with monkeypatch.context() as patch:
        patch.setattr(extraction, "recording_features", lambda *_: pytest.fail("audio was read twice"))
        with pytest.raises(PulledPlug):
            run(corpus, out=out, settings=SMALL, progress=plug)
    assert f"features: as {out / 'features'} holds them" in plug.said
    assert not (out / "features").exists()
    # the numbers are those of features in memory, and so all that is made of them
    result = Run(out)
    assert result.training.drop("seconds").equals(finished.training.drop("seconds"))
    assert result.panel.equals(finished.panel)
    for layer in ("raw", "D3"):
        np.testing.assert_array_equal(result.activations(layer), finished.activations(layer))


def test_the_mean_over_the_segment_is_a_setting(corpus: Path, tmp_path: Path) -> None:
    settings = SMALL.changed(
        # small steps: in one epoch some phones are learned
        {
            "probing.frame": "mean",
            "probing.correct_only": True,
            "recogniser.max_epochs": 1,
            "recogniser.batch_size": 64,
        }
    )
    with pytest.raises(PulledPlug):  # what comes after the panel's activations is the same for all frames
        run(corpus, out=tmp_path / "run", settings=settings, progress=Plug("clustering"))
    result = Run(tmp_path / "run")
    middle = (result.panel["start"] + result.panel["end"]) / 2
    assert (result.panel["time"] - middle).abs().to_numpy().max() < 0.0101


def test_real_french_goes_through(french_prompts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes = {
        "corpus.validation": 0.5,  # all speech is read, half is learned
        "recogniser.max_epochs": 1,
        "probing.n_per_phone": 10,
        "probing.minimum": 5,
        "reduction.tsne_iterations": 250,
        **FEW_CRITERIA,
    }
    given = [f"--{name}={value}" for name, value in changes.items()]
    assert main(["run", str(french_prompts), "--out", str(tmp_path / "run"), "--quiet", *given]) == 0
    printed = capsys.readouterr().out
    assert "left out" in next(line for line in printed.splitlines() if line.startswith("│ J ")), (
        "phones short of samples"
    )
    result = Run(tmp_path / "run")
    counts = result.panel_counts
    assert counts.filter(phone="J")["in_panel"].to_list() == [False], "12 tokens are too few"
    assert counts.filter(phone="H")["segments"].to_list() == [0], "the aligner did not use it"
    assert counts.filter(phone="a")["used"].to_list() == [10]
    assert result.training["frame_accuracy"][0] > 0.3
    assert [result.activations(layer).shape[1] for layer in LAYERS] == list(PAPERS_WIDTHS)
    best = result.scores.group_by("layer").agg(pl.col("f_measure").max())
    by_layer = dict(best.iter_rows())
    assert by_layer["D3"] > by_layer["raw"]


def test_selection_has_every_k_and_one_choice_of_each_criterion(finished: Run) -> None:
    keys = ["layer", "reduction", "clusterer", "criterion"]
    ks = list(range(2, finished.panel["phone"].n_unique() + 1))
    criteria = {"ratio", "first_minimum", "silhouette", "davies_bouldin"}
    found = finished.selection
    for (layer, reduction, clusterer, criterion), rows in found.group_by(keys):
        assert rows["k"].to_list() == ks, (layer, clusterer, criterion)
        assert rows["chosen"].sum() == 1
        assert rows.filter("at_edge")["chosen"].all()
        assert reduction == "pca"
    assert set(found.filter(clusterer="spectral")["criterion"]) == {*criteria, "eigengap"}
    assert set(found.filter(clusterer="kmedians")["criterion"]) == criteria
    assert found.select("layer", "clusterer").unique().height == 16


def test_classes_are_those_of_the_sweep_at_the_chosen_k(finished: Run) -> None:
    phones = np.array(finished.panel.sort("sample")["phone"].to_list())
    main = [entry for entry in finished.classes if entry["main"]]
    assert [(e["layer"], e["clusterer"]) for e in main] == [(la, c) for la in LAYERS for c in ("kmedians", "spectral")]
    for entry in main:
        chosen = finished.selection.filter(
            "chosen", layer=entry["layer"], clusterer=entry["clusterer"], criterion=entry["criterion"]
        )
        assert entry["k"] == chosen["k"][0]
        labels = finished.sweep.filter(layer=entry["layer"], clusterer=entry["clusterer"], k=entry["k"])
        clusters = labels.sort("sample")["cluster"].to_numpy()
        for one in entry["classes"]:
            there = phones[clusters == one["cluster"]]
            assert one["samples"] == len(there)
            for share in one["phones"]:
                assert share["samples"] == (there == share["phone"]).sum()
                assert share["share"] == pytest.approx(share["samples"] / (phones == share["phone"]).sum())


def test_formants_are_those_of_the_oral_vowels(finished: Run) -> None:
    vowels = {"i", "y", "e", "E", "2", "9", "a", "o", "O", "u"}
    formants = finished.formants
    assert formants is not None
    assert formants["sample"].to_list() == finished.panel.filter(pl.col("phone").is_in(vowels))["sample"].to_list()
    medians = dict(formants.group_by("phone").agg(pl.col("f1").median()).iter_rows())
    assert medians["i"] < medians["e"] < medians["a"]
    assert medians["u"] < medians["O"] < medians["a"]


def test_a_report_is_drawn_again_from_the_files_alone(finished: Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(finished.path, out)
    (out / "report.html").unlink()
    (out / "classes.json").unlink()
    assert redraw(out) == out / "report.html"
    for name in ("report.html", "classes.json", "classes.csv"):
        assert (out / name).read_bytes() == (finished.path / name).read_bytes(), name
    redraw(out, k=7)
    assert {entry["k"] for entry in Run(out).classes if entry["main"]} == {7}
    assert {next(iter(entry["chosen_by"])) for entry in Run(out).classes if entry["main"]} == {"given"}
    redraw(out, criterion="ratio")
    chosen = finished.selection.filter("chosen", criterion="ratio")
    assert [entry["k"] for entry in Run(out).classes if entry["main"]] == chosen["k"].to_list()
    with pytest.raises(SettingError, match=r"--k 34: the run was clustered into 2 to 33 classes"):
        redraw(out, k=34)
    with pytest.raises(SettingError, match=r"--criterion eigengap: the run measured davies_bouldin, first_minimum"):
        redraw(out, criterion="eigengap")
    (out / "sweep.parquet").unlink()
    with pytest.raises(RunDirectoryError, match=r"not finished \(sweep\.parquet is missing\)"):
        redraw(out)
    with pytest.raises(RunDirectoryError, match="holds no run"):
        redraw(tmp_path)


def test_a_corpus_says_what_its_phones_are_in_ipa() -> None:
    assert _ipa(Corpus("c", (), ("th",), ipa={"th": "θ"})) == {"th": "θ"}
    assert _ipa(Corpus("c", (), ("S",)))["S"] == "ʃ"


def test_a_network_that_is_not_trained_goes_all_the_way(finished: Run, corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    settings = SMALL.changed({"recogniser.kind": "untrained", "probing.correct_only": True})
    plug = Plug("clustering")
    with pytest.raises(PulledPlug):
        run(corpus, out=out, settings=settings, progress=plug)
    assert any("not trained" in line for line in plug.said)
    result = Run(out)
    assert not (out / "training.csv").exists()
    assert not result.trained
    assert finished.trained
    # samples are taken whether they are classified correctly or not: those of the run that does not ask
    assert result.panel.equals(finished.panel)
    assert result.panel_counts["correct"].null_count() == result.panel_counts.height
    np.testing.assert_array_equal(result.activations("raw"), finished.activations("raw"))
    assert not np.array_equal(result.activations("conv1"), finished.activations("conv1"))
