"""Workers of a Dask cluster: tasks are sent to them as they become free, and a lost worker's are done by others."""

from __future__ import annotations

import time
import warnings
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import cloudpickle
from distributed import CancelledError, KilledWorker
from distributed.comm import CommClosedError

from phonoscope.errors import PhonoscopeError, WorkersError
from phonoscope.lending import Lent, keep
from phonoscope.likeness import likeness
from phonoscope.remote_tasks import Order, Unseen, given, obey
from phonoscope.users_modules import users_modules

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from distributed import Client, Future

    from phonoscope.progress import Progress
    from phonoscope.users_modules import Modules

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 2
"""Tasks a thread that are under way: one waits while another is done."""
_WINDOW = 4
"""Tasks a thread that may be done before an earlier one: their results wait in memory."""
_LOOK = 1.0
"""Seconds between two looks at which workers there are."""
_PATIENCE = 30.0
"""Seconds without any worker after which that is told."""
_REMEMBERED = 1 << 30
"""Bytes of files that were sent that stay with the workers: the next stage may need them again."""
_GO_ON = "the same command goes on from here"


@dataclass
class _Task:
    """A task that is under way: its number, item and name, the files it was lent, and the worker it was meant for."""

    number: int
    item: bytes
    name: str
    lent: Lent | None
    worker: str = ""


class DaskWorkers:
    """The workers of a scheduler; fulfils `phonoscope.workers.Workers`.

    Parameters
    ----------
    client
        Connected to the scheduler.
    progress
        Where to tell of workers that were lost.
    """

    def __init__(self, client: Client, progress: Progress) -> None:
        self._client, self._progress = client, progress
        self._threads: dict[str, int] = {}
        self._looked = self._seen = time.monotonic()
        self._sent: OrderedDict[tuple[Path, tuple[str, int, int]], Future] = OrderedDict()
        self._unseen = False  # a worker has not seen the files: they are sent at once from now on
        # what is sent is sent once, and not with every task, which is what this is about
        warnings.filterwarnings("ignore", message="Sending large graph", category=UserWarning)

    def map(
        self,
        function: Callable[..., Result],
        items: Iterable[Item],
        *,
        shared: tuple[Any, ...] = (),
        whole: bool = False,
        lent: Callable[[Item], Lent] | None = None,
        name: Callable[[Item], str] = str,
    ) -> Generator[tuple[int, Result]]:
        """Have tasks done; see `Workers`. Of several errors that of the first item is raised."""
        call = self._give(_pickled((function, shared)))
        tasks = (_Task(i, _pickled(item), name(item), lent(item) if lent else None) for i, item in enumerate(items))
        flight = _Flight(self, call, tasks, whole=whole, modules=users_modules())
        try:
            while True:
                flight.fill()
                if not flight.running:
                    break
                found = flight.next()
                if found is not None:
                    yield found
            self.there(anew=True)  # whoever was lost since the last look is told of too
            if flight.failed is not None:
                raise flight.failed[1]
        finally:
            flight.stop()
            call.release()

    def submit(self, task: _Task, call: Future, *, whole: bool, modules: Modules) -> Future:
        """Send a task, to a certain worker if it names one; earlier ones are done first."""
        order = _pickled(Order(task.item, task.lent, whole, likeness(), modules))
        contents = self._contents(task.lent) if task.lent is not None and self._unseen else []
        to = {"workers": [task.worker], "allow_other_workers": True} if task.worker else {}
        how = {"key": f"{task.name}-{uuid4().hex}", "priority": -task.number, "pure": False, **to}
        return self._client.submit(obey, order, call, *contents, **how)

    def send_files(self) -> None:
        """Send files with their tasks from now on."""
        if not self._unseen:
            self._progress.say("a worker does not see the run's folder: what it needs of it is sent")
        self._unseen = True

    def there(self, *, anew: bool = False) -> dict[str, int]:
        """Return the workers that there are, with the threads of each; tell of those that were lost.

        They are looked for now and then; `anew`: now.

        Raises
        ------
        WorkersError
            The scheduler is gone.
        """
        now = time.monotonic()
        if self._threads and not anew and now - self._looked < _LOOK:
            return self._threads
        self._looked = now
        if self._client.status != "running":
            raise _gone(self._client)
        try:
            threads: dict[str, int] = dict(self._client.nthreads())
        except (OSError, CommClosedError):
            raise _gone(self._client) from None
        for address in self._threads.keys() - threads.keys():
            self._progress.say(f"the worker {address} was lost; what it was doing is done again by others")
        if threads:
            self._seen = now
        elif now - self._seen > _PATIENCE:
            self._seen = now
            self._progress.warn("no worker is left; waiting for one (after an interrupt, " + _GO_ON + ")")
        self._threads = threads
        return threads

    def forget(self, futures: list[Future]) -> None:
        """Give up tasks, as far as there still is a scheduler."""
        with suppress(OSError, CommClosedError, CancelledError, RuntimeError):
            self._client.cancel(futures, force=True)

    def gone(self) -> WorkersError:
        """Return what is to be said where the scheduler is gone."""
        return _gone(self._client)

    def _give(self, data: bytes) -> Future:
        return self._client.submit(given, data, key=f"given-{uuid4().hex}", pure=False)

    def _contents(self, lent: Lent) -> list[Future]:
        """Send files that are lent, or find them among those that were sent."""
        found = []
        for entry in lent.files:
            key = lent.root, entry
            if key not in self._sent:
                self._sent[key] = self._give(lent.read(entry[0]))
            self._sent.move_to_end(key)
            found.append(self._sent[key])
        while len(self._sent) > len(found) and sum(size for _, (_, size, _) in self._sent) > _REMEMBERED:
            self._sent.popitem(last=False)
        return found


class _Flight:
    """The tasks of one `map` that are under way."""

    def __init__(
        self, workers: DaskWorkers, call: Future, tasks: Iterator[_Task], *, whole: bool, modules: Modules
    ) -> None:
        self._workers, self._call, self._tasks, self._whole, self._modules = workers, call, tasks, whole, modules
        self._done: SimpleQueue[Future] = SimpleQueue()
        self.running: dict[Future, _Task] = {}
        self.failed: tuple[int, BaseException] | None = None
        self._all_sent = False
        self._next = 0

    def fill(self) -> None:
        """Send tasks as long as there are free workers; after an error only those before it are waited for."""
        while not self._all_sent and self.failed is None:
            worker = self._free()
            if worker is None:
                return
            task = next(self._tasks, None)
            if task is None:
                self._all_sent = True
                return
            self._next = task.number + 1
            task.worker = worker
            self._submit(task)

    def next(self) -> tuple[int, Any] | None:
        """Wait for a task, and return its number and result; None where it is to be done again, or none is done yet."""
        try:
            future = self._done.get(timeout=_LOOK)
        except Empty:
            self._workers.there()
            return None
        task = self.running.pop(future, None)
        if task is None:
            return None
        try:
            answer = future.result()
        except KilledWorker as error:
            tries = error.allowed_failures + 1
            msg = (
                f"{task.name}: {tries} workers were lost one after another while they were at it, most likely because "
                f"their memory did not suffice; give each worker more memory, or fewer threads or processes ({_GO_ON})"
            )
            raise WorkersError(msg) from None
        except (CancelledError, CommClosedError, TimeoutError):
            raise self._workers.gone() from None
        except Exception as error:  # noqa: BLE001 - raised once it is known to be the first
            self._fail(task.number, _told(error))
            return None
        finally:
            future.release()
        if isinstance(answer, Unseen):
            self._workers.send_files()
            self._submit(task)
            return None
        if answer.made and task.lent is not None:
            keep(task.lent.root, answer.made)
        return task.number, answer.result

    def stop(self) -> None:
        """Give up what is under way."""
        left = list(self.running)
        self.running.clear()
        if left:
            self._workers.forget(left)

    def _submit(self, task: _Task) -> None:
        future = self._workers.submit(task, self._call, whole=self._whole, modules=self._modules)
        self.running[future] = task
        future.add_done_callback(self._done.put)

    def _fail(self, number: int, error: BaseException) -> None:
        if self.failed is None or number < self.failed[0]:
            self.failed = number, error
        later = [future for future, task in self.running.items() if task.number > self.failed[0]]
        for future in later:
            del self.running[future]
        if later:
            self._workers.forget(later)

    def _free(self) -> str | None:
        """Return a worker that has nothing to do, "" for whichever it may be, or None if there is none."""
        threads = self._workers.there()
        if self._whole:
            busy = {task.worker for task in self.running.values()}
            return next((worker for worker in threads if worker not in busy), None if self.running else "")
        total = max(1, sum(threads.values()))
        first = min((task.number for task in self.running.values()), default=self._next)
        return "" if len(self.running) < _AHEAD * total and self._next - first < _WINDOW * total else None


def _pickled(what: object) -> bytes:
    try:
        data: bytes = cloudpickle.dumps(what)
    except Exception as error:
        msg = f"what the workers need can not be sent to them ({type(error).__name__}: {error}); run it on this machine"
        raise WorkersError(msg) from error
    return data


def _told(error: Exception) -> Exception:
    """Say it of a file that is here, and not where the task was done."""
    path, where = getattr(error, "path", None), getattr(error, "unseen_by", "")
    if not isinstance(error, PhonoscopeError) or not where or path is None or not Path(path).exists():
        return error
    return WorkersError(
        f"{path}: this machine has the file, and the worker on {where} does not see it; audio has to lie where all "
        f"workers see it under the same path"
    )


def _gone(client: Client) -> WorkersError:
    address = client.scheduler.address if client.scheduler is not None else "the scheduler"
    return WorkersError(f"the connection to the scheduler {address} is lost; {_GO_ON}")
