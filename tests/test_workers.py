"""Tasks are done the same wherever they are done: here, or by Dask's workers, of which one is killed."""

from __future__ import annotations

import importlib
import os
import pickle
import shutil
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle
import dask
import numpy as np
import pytest
import torch
from distributed import Client

from made_cluster import make_cluster
from made_run import SMALL, Plan, forget, make_run
from phonoscope import connecting, dask_workers
from phonoscope.analysis import analyse
from phonoscope.appraisal import appraise
from phonoscope.cli import main
from phonoscope.cluster_file import read_cluster
from phonoscope.connecting import open_workers
from phonoscope.corpus.types import Utterance
from phonoscope.dask_workers import DaskWorkers, _told
from phonoscope.errors import AudioError, SettingError, WorkersError
from phonoscope.lending import Lent, keep, made_since, unpack
from phonoscope.likeness import likeness
from phonoscope.models.adapter import Adapter
from phonoscope.models.computing import ComputedSource
from phonoscope.parallel import as_done
from phonoscope.progress import Quiet
from phonoscope.remote_tasks import Done, Order, Unseen, obey
from phonoscope.settings import Settings
from phonoscope.users_modules import users_modules
from phonoscope.workers import Here, Processes, in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from distributed import LocalCluster

    from conftest import WriteAudio
    from phonoscope.results import Run

# this module's functions are sent as they are: workers do not find it
cloudpickle.register_pickle_by_value(sys.modules[__name__])

# the first layer takes long enough to be interrupted
PLAN = Plan(layers={"raw": (20, 20, 25), "conv1": (4, 3, 8), "D1": (24,), "D2": (16,)})
SETTINGS = SMALL.changed(
    {
        "selection.stability_splits": 0,
        "reduction.tsne_iterations": 250,
        "evaluation.seeds": 2,
        "clustering.kmedians_restarts": 2,
    }
)
TABLES = ("clusters.parquet", "per_phone.csv", "scores.csv", "sweep.parquet", "selection.csv")
MEASURES = ("measures.csv", "replicates.parquet", "outcomes.parquet", "tests.csv")


def add(item: int, other: int = 10) -> int:
    return item + other


def size_of(item: str, folder: Path, factor: int) -> int:
    size = len((folder / item).read_bytes())
    (folder / "made").mkdir(exist_ok=True)
    (folder / "made" / item).write_text(str(size * factor))
    return size


def fail_at(item: int, bad: tuple[int, ...]) -> int:
    time.sleep(0.05 * (5 - item) if item in bad else 0)  # the last one fails first
    if item in bad:
        msg = f"item {item}"
        raise SettingError(msg)
    return item


def wait_for(item: int, seconds: float) -> int:
    time.sleep(seconds if item else 0)
    return item


def die(_item: int) -> None:
    os._exit(1)


def no_audio(item: Path) -> None:
    raise AudioError(item, "there is no such file")


class Threads(torch.nn.Module):
    """A network that shows the number of threads: others show it in the last digits of some sums, by chance."""

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        return samples.unfold(1, 400, 160).mean(dim=2, keepdim=True) + torch.get_num_threads()


class Heard(Quiet):
    def __init__(self) -> None:
        self.said: list[str] = []
        self.at_step: Callable[[], None] = lambda: None

    def say(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.said.append(text)

    @contextmanager
    def bar(self, text: str, total: int, counted: str) -> Iterator[Callable[[int], None]]:  # noqa: ARG002
        yield lambda _steps: self.at_step()


# --- here ---


@pytest.mark.parametrize("workers", [Here(), Processes(2, 1)], ids=["here", "processes"])
@pytest.mark.parametrize("whole", [False, True])
def test_every_item_comes_back_with_its_number(workers: Here | Processes, *, whole: bool, tmp_path: Path) -> None:
    found = workers.map(add, iter(range(7)), shared=(3,), whole=whole)
    assert sorted(found) == [(i, i + 3) for i in range(7)]
    (tmp_path / "a").write_text("four")
    lent = workers.map(size_of, ["a"], shared=(2,), whole=whole, lent=lambda name: Lent.of(tmp_path, [name]))
    assert list(lent) == [(0, 4)]
    assert (tmp_path / "made" / "a").read_text() == "8"


def test_processes_find_modules_of_folders_that_were_named_after_their_start_as_they_are_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(Processes(2, 1).map(add, [1], shared=(3,))) == [(0, 4)]
    monkeypatch.syspath_prepend(tmp_path)
    for factor in ("2", "1 + 2"):  # changed since a process has imported it
        (tmp_path / "planted_later.py").write_text(f"def times(number):\n    return ({factor}) * number\n")
        times = importlib.import_module("planted_later").times
        try:
            assert sorted(Processes(2, 1).map(times, [1, 2])) == [(0, times(1)), (1, times(2))]
        finally:
            del sys.modules["planted_later"]


def test_threads_take_no_more_items_than_they_need_and_an_error_ends_it(
    numba_threads: Callable[[int], None],
) -> None:
    numba_threads(2)
    taken = []

    def items() -> Iterator[int]:
        for i in range(50):
            taken.append(i)
            yield i

    found = as_done(add, items())
    next(found)
    assert len(taken) <= 2 * 2 + 1
    found.close()
    with pytest.raises(SettingError, match="item 3"):
        list(as_done(lambda i: fail_at(i, (3,)), range(50)))


def test_what_comes_too_early_waits() -> None:
    assert list(in_order([(2, "c"), (0, "a"), (3, "d"), (1, "b")])) == ["a", "b", "c", "d"]


def test_activations_of_a_model_do_not_depend_on_torchs_threads(tmp_path: Path, write_audio: WriteAudio) -> None:
    path = write_audio(tmp_path / "a.wav", 3.0)
    source = ComputedSource(Adapter(Threads(), 16_000, 0.01, 0.0125), Settings().probe)
    utterance = Utterance("a", "s", path, 3.0, (), "validation")
    source.layers([utterance])
    before, found = torch.get_num_threads(), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        (layer,) = source.read(utterance, lambda _layer, n: np.arange(n)).values()
        found.append(layer)
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    assert found[0].any()
    assert all(np.array_equal(found[0], other) for other in found[1:])


# --- files ---


def test_files_are_seen_where_they_are_the_same_and_sent_otherwise(tmp_path: Path) -> None:
    run, other = tmp_path / "run", tmp_path / "other"
    for name, text in (("a.txt", "one"), ("inner/b.txt", "two"), ("c.txt", "not lent")):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text(text)
    lent = Lent.of(run, ["*a.txt", "inner/*", "nothing"])
    assert [name for name, _, _ in lent.files] == ["a.txt", "inner/b.txt"]
    assert lent.seen()
    other.mkdir()
    there = unpack(lent, [lent.read(name) for name, _, _ in lent.files], other)
    assert made_since(there) == {}
    (other / "inner" / "b.txt").write_text("changed")
    (other / "new").mkdir()
    (other / "new" / "d.txt").write_text("made")
    made = made_since(there)
    assert made == {"inner/b.txt": b"changed", "new/d.txt": b"made"}
    keep(run, made)
    assert (run / "new" / "d.txt").read_text() == "made"
    assert (run / "inner" / "b.txt").read_text() == "changed"
    assert not lent.seen(), "a file has changed"
    (run / "inner" / "b.txt").unlink()
    assert not lent.seen(), "a file is missing"


# --- a worker's side ---


def order(item: Any, lent: Lent | None = None, **like: str) -> bytes:  # noqa: ANN401
    return pickle.dumps(Order(cloudpickle.dumps(item), lent, False, {**likeness(), **like}))  # noqa: FBT003


def test_a_worker_that_is_not_like_the_sender_does_nothing() -> None:
    call = cloudpickle.dumps((add, (1,)))
    assert obey(order(1), call) == Done(2, {})
    with pytest.raises(WorkersError, match=r"has numpy .* where this machine has 1\.0; .*same environment"):
        obey(order(1, numpy="1.0"), call)


def test_a_worker_asks_for_files_that_it_does_not_see(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("four")
    lent = Lent.of(tmp_path, ["a"])
    elsewhere = Lent(tmp_path / "elsewhere", lent.files)
    call = cloudpickle.dumps((size_of, (2,)))
    assert obey(order("a", elsewhere), call) == Unseen()
    assert obey(order("a", elsewhere), call, b"five5") == Done(5, {"made/a": b"10"})
    assert not (tmp_path / "made").exists()


def test_audio_that_only_a_worker_lacks_is_told_with_the_worker(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with pytest.raises(AudioError) as raised:
        obey(order(path), cloudpickle.dumps((no_audio, ())))
    assert _told(raised.value) is raised.value, "it is not here either"
    path.touch()
    assert "this machine has the file, and the worker on" in str(_told(raised.value))
    with pytest.raises(AudioError) as raised:  # and now the worker has it: it is the audio that is wrong
        obey(order(path), cloudpickle.dumps((no_audio, ())))
    assert _told(raised.value) is raised.value


def test_a_model_that_a_worker_can_not_import_is_told() -> None:
    missing = pickle.dumps((read_cluster, ())).replace(b"cluster_file", b"cluster_fill")
    with pytest.raises(WorkersError, match=r"can not load what it is to work with .*cluster_fill.*PYTHONPATH"):
        obey(order(1), missing)


def test_a_model_that_fails_where_a_worker_imports_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "planted_failing.py"
    file.write_text("def net():\n    return 1\n")
    call = cloudpickle.dumps((add, (importlib.import_module("planted_failing").net,)))
    for text, complaint in (
        ("raise RuntimeError('no mine.pt')\n", r"\(RuntimeError\('no mine\.pt'\)\); see that it can be imported"),
        ("import planted_nowhere\n", r"No module named 'planted_nowhere'\); install planted_nowhere there"),
        ("# and no function any more\n", "can not load what it is to work with .*net"),
    ):
        sys.modules.pop("planted_failing", None)
        file.write_text(text)
        with pytest.raises(WorkersError, match=complaint):
            obey(order(1), call)
    sys.modules.pop("planted_failing", None)


def test_modules_of_the_user_s_are_those_of_no_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("own", "own/packages/planted_lib-1.0.dist-info"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "own" / "planted_mine.py").write_text("MINE = 1\n")
    (tmp_path / "own" / "packages" / "planted_lib.py").write_text("OTHERS = 1\n")
    for folder in ("own", "own/packages"):
        monkeypatch.syspath_prepend(tmp_path / folder)
    names = ("planted_mine", "planted_lib")
    for name in names:
        importlib.import_module(name)
    try:
        found = users_modules()
    finally:
        for name in names:
            del sys.modules[name]
    assert str(tmp_path / "own") in found.places
    assert str(tmp_path / "own" / "packages") not in found.places
    assert "planted_mine" in found.files
    assert not found.files.keys() & {"planted_lib", "numpy", "torch", "torch.nn", "json", "pytest", "phonoscope.cli"}


# --- files of clusters, and addresses ---


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('class = "slurm"\njob = 3', r"there is no key 'job'; did you mean 'jobs'\?"),
        ('class = "slurn"', r"class = 'slurn': it has to be local, htcondor"),
        ('class = "slurm"\njobs = 0', "jobs = 0: it has to be a whole number"),
        ('class = "slurm"\noptions = 3', "options = 3: it has to be a table"),
        ('class = "slurm"\n[options]\nwaltime = "1:00"', r"there is no option 'waltime'; did you mean 'walltime'\?"),
        ('class = "local"\n[options]\nwalltime = "1:00"', "there is no option 'walltime'"),
        ('class = "local"\n[options]\nn_workers = 3', "there is no option 'n_workers'"),
        ("class = ", "is no TOML"),
    ],
)
def test_a_cluster_file_is_checked(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "cluster.toml"
    path.write_text(text)
    with pytest.raises(SettingError, match=complaint) as raised:
        read_cluster(path)
    assert str(path) in str(raised.value)


def test_a_cluster_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cluster.toml"
    path.write_text('class = "slurm"\njobs = 4\n[options]\ncores = 8\nmemory = "32GB"\nqueue = "normal"\n')
    assert read_cluster(path) == ("slurm", 4, {"cores": 8, "memory": "32GB", "queue": "normal"})
    path.write_text('class = "local"\n[options]\nthreads_per_worker = 2\nmemory_limit = "4GB"\n')
    assert read_cluster(path) == ("local", 1, {"threads_per_worker": 2, "memory_limit": "4GB"})


def test_what_can_not_be_reached_is_one_sentence_and_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(connecting, "_CONNECT", 0.3)
    queue = tmp_path / "queue.toml"
    queue.write_text('class = "slurm"\n[options]\ncores = 1\nmemory = "1GB"\n')
    monkeypatch.setenv("PATH", str(tmp_path))
    nowhere = "tcp://127.0.0.1:1"
    for scheduler, cluster, complaint in (
        (nowhere, None, f"--scheduler {nowhere}: no Dask scheduler answers there"),
        ("no.json", None, "no.json: there is no such file"),
        (None, "no.toml", "no.toml: the file can not be read"),
        (None, str(queue), "the program sbatch is not here"),
        (nowhere, str(queue), "give one of them"),
    ):
        with pytest.raises((WorkersError, SettingError), match=complaint), open_workers(scheduler, cluster, Quiet()):
            pass
    assert main(["run", "--out", str(tmp_path / "run"), "--cluster", str(queue)]) == 2
    captured = capsys.readouterr().err
    assert "the program sbatch is not here" in captured
    assert "Traceback" not in captured
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "phonoscope.cluster_file")
    with (
        pytest.raises(WorkersError, match=r"pip install 'phonoscope\[cluster\]'"),
        open_workers(nowhere, None, Quiet()),
    ):
        pass


def test_a_queue_that_refuses_a_job_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sbatch = tmp_path / "sbatch"
    sbatch.write_text("#!/bin/sh\necho 'sbatch: error: invalid partition: normal' >&2\nexit 1\n")
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    queue = tmp_path / "queue.toml"
    scheduler = '{ host = "127.0.0.1", dashboard_address = "127.0.0.1:0" }'
    queue.write_text(f'class = "slurm"\n[options]\ncores = 1\nmemory = "1GB"\nscheduler_options = {scheduler}\n')
    complaint = "the queue does not take the job: sbatch: error: invalid partition: normal"
    with pytest.raises(WorkersError, match=complaint), open_workers(None, queue, Quiet()):
        pass


# --- two workers ---


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A scheduler in this process, and two workers that are processes and not started again."""
    with make_cluster(tmp_path_factory.mktemp("workers"), 2) as found:
        yield found


@pytest.fixture(scope="module")
def client(cluster: LocalCluster) -> Iterator[Client]:
    with Client(cluster, set_as_default=False) as found:
        found.wait_for_workers(2, timeout=60)
        yield found


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that has its panel and activations, and nothing that is made of them."""
    run = make_run(tmp_path_factory.mktemp("bare"), PLAN)
    forget(run, "pca", "tsne", "grid", "sweep", "measures")
    return run


def copied(run: Run, folder: Path) -> Run:
    shutil.copytree(run.path, folder / "run")
    return type(run)(folder / "run")


@pytest.fixture(scope="module")
def local(bare: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same, whose grid and measures were made in this process."""
    run = copied(bare, tmp_path_factory.mktemp("local"))
    analyse(run, SETTINGS, Quiet())
    appraise(run, SETTINGS, Quiet())
    return run


def same(run: Run, other: Run, names: tuple[str, ...]) -> None:
    for name in (*names, *(f"embeddings/{layer}-tsne.npy" for layer in PLAN.layers)):
        assert (run.path / name).read_bytes() == (other.path / name).read_bytes(), name


def test_a_worker_is_killed_and_the_tables_are_the_same_to_the_byte(
    cluster: LocalCluster, client: Client, bare: Run, local: Run, tmp_path: Path
) -> None:
    run, heard = copied(bare, tmp_path), Heard()
    killed: list[str] = []
    processes = client.run(os.getpid)

    def kill() -> None:
        """Kill the worker that is at a layer when the first result of another one has come."""
        for address, worker in cluster.scheduler.workers.items():
            if not killed and any(str(task.key).startswith("layer") for task in worker.processing):
                killed.append(address)
                os.kill(processes[address], signal.SIGKILL)

    heard.at_step = kill
    workers = DaskWorkers(client, heard)
    analyse(run, SETTINGS, heard, workers)
    assert len(killed) == 1
    assert any(killed[0] in line and "was lost" in line for line in heard.said)
    assert killed[0] not in client.nthreads()
    appraise(run, SETTINGS, heard, workers)
    same(run, local, (*TABLES, *MEASURES))


def test_a_worker_that_does_not_see_the_run_is_sent_what_it_needs(
    client: Client, bare: Run, local: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, heard = copied(bare, tmp_path), Heard()
    whole = Lent.of.__func__  # type: ignore[attr-defined]

    def older(cls: type[Lent], root: Path, patterns: tuple[str, ...]) -> Lent:
        there = whole(cls, root, patterns)
        return Lent(there.root, tuple((name, size, when - 1) for name, size, when in there.files))

    monkeypatch.setattr(Lent, "of", classmethod(older))
    sent: list[str] = []
    read = Lent.read

    def told(lent: Lent, name: str) -> bytes:
        sent.append(name)
        return read(lent, name)

    monkeypatch.setattr(Lent, "read", told)
    workers = DaskWorkers(client, heard)
    analyse(run, SETTINGS, heard, workers)
    appraise(run, SETTINGS, heard, workers)
    assert sum("does not see the run's folder" in line for line in heard.said) == 1
    expected = ["activations/layers.json", *(f"activations/{layer}.npy" for layer in PLAN.layers)]
    assert sorted(sent) == sorted(expected), "each once, for both stages"
    same(run, local, (*TABLES, *MEASURES))


def test_workers_find_modules_where_this_process_does_and_as_they_are_now(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = DaskWorkers(client, Quiet())
    for folder, name, answer in (
        ("one", "planted_answer", "1"),
        ("one", "planted_answer", "2 + 0"),  # changed since a worker has imported it
        ("two", "planted_answer", "3 + 0 + 0"),  # another one of its name
    ):
        place = tmp_path / folder
        place.mkdir(exist_ok=True)
        (place / f"{name}.py").write_text(f"def answer(item):\n    return item, {answer}\n")
        with monkeypatch.context() as patch:
            patch.syspath_prepend(place)
            module = importlib.import_module(name)
            try:
                found = sorted(workers.map(module.answer, range(4)))
            finally:
                del sys.modules[name]
        assert found == [(i, (i, eval(answer))) for i in range(4)]  # noqa: S307 - from above


def test_a_worker_with_another_state_of_a_module_is_named(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not see the folder of this process, and has a module of the same name in its own."""
    (Path(client.run(os.getcwd).popitem()[1]) / "planted_twin.py").write_text("def answer(item):\n    return 0\n")
    (tmp_path / "planted_twin.py").write_text("def answer(item):\n    return item\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(dask_workers, "users_modules", lambda: users_modules()._replace(places=()))
    twin = importlib.import_module("planted_twin")
    try:
        with pytest.raises(WorkersError, match=r"the worker on .* has another .*planted_twin\.py than this machine"):
            list(DaskWorkers(client, Quiet()).map(twin.answer, range(4)))
    finally:
        del sys.modules["planted_twin"]


def test_the_error_of_the_first_item_is_raised_and_what_is_left_is_given_up(
    cluster: LocalCluster, client: Client
) -> None:
    workers = DaskWorkers(client, Quiet())
    assert sorted(workers.map(add, range(5), shared=(1,))) == [(i, i + 1) for i in range(5)]
    with pytest.raises(SettingError, match="item 1"):
        list(workers.map(fail_at, range(5), shared=((1, 3),)))
    waiting = workers.map(wait_for, range(3), shared=(4.0,))
    assert next(waiting) == (0, 0)
    waiting.close()
    end = time.monotonic() + 3
    while cluster.scheduler.tasks and time.monotonic() < end:
        time.sleep(0.05)
    assert not cluster.scheduler.tasks


def test_a_task_that_takes_its_workers_along_is_named(cluster: LocalCluster, client: Client) -> None:
    """The last one, as it needs the last worker."""
    assert np.isin(list(client.nthreads().values()), 1).all()
    assert dask.config.get("distributed.scheduler.allowed-failures") == 3
    cluster.scheduler.allowed_failures = 0
    with pytest.raises(WorkersError, match=r"layer 7: 1 workers were lost .* memory .*goes on from here"):
        list(DaskWorkers(client, Quiet()).map(die, [7], whole=True, name="layer {}".format))
