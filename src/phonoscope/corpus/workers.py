"""Runs the shards of the built-in corpus, each in a fresh Python process, some at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from phonoscope.errors import EspeakError, OutputFolderError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_PROGRAM = "from phonoscope.corpus.shard import main; main()"


def answers(
    jobs_to_do: Sequence[dict[str, Any]],
    *,
    jobs: int,
    folder: Path | None,
    heard: Callable[[dict[str, Any]], None],
) -> None:
    """Do every job in a process of its own and pass on what the processes answer.

    Parameters
    ----------
    jobs_to_do
        What `phonoscope.corpus.shard.main` takes.
    jobs
        Processes at the same time.
    folder
        Where they write, for the message should that fail.
    heard
        Called with each answer, by one thread at a time; in order within a job.

    Raises
    ------
    EspeakError, OutputFolderError
        As the process answered.
    RuntimeError
        A process broke; with its traceback.
    """
    crew = _Crew(folder, heard)
    with ThreadPoolExecutor(max(1, min(jobs, len(jobs_to_do)))) as pool:
        try:
            for done in as_completed([pool.submit(crew.work, job) for job in jobs_to_do]):
                done.result()
        except BaseException:  # an interrupt too: no process may outlive this call
            pool.shutdown(wait=False, cancel_futures=True)
            crew.stop()
            raise


class _Crew:
    """The processes at work, so that all can be stopped when one fails."""

    def __init__(self, folder: Path | None, heard: Callable[[dict[str, Any]], None]) -> None:
        self._folder = folder
        self._heard = heard
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def work(self, job: dict[str, Any]) -> None:
        """Do one job."""
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
            "PYTHONIOENCODING": "utf-8",
            "OPENBLAS_NUM_THREADS": "1",  # no linear algebra there: its threads would only take time to start
        }
        command = [sys.executable, "-P", "-c", _PROGRAM]
        with TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
            with self._lock:
                if self._stopped:
                    return
                process = subprocess.Popen(  # noqa: S603 (our own program)
                    command,
                    env=environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=complaints,
                    encoding="utf-8",
                )
                self._running.add(process)
            try:
                self._converse(process, job)
                status = process.wait()
            finally:
                process.kill()
                process.wait()
                with self._lock:
                    self._running.discard(process)
            if status and not self._stopped:
                complaints.seek(0)
                msg = f"a process of the built-in corpus broke (status {status}):\n{complaints.read()}"
                raise RuntimeError(msg)

    def _converse(self, process: subprocess.Popen[str], job: dict[str, Any]) -> None:
        if process.stdin is None or process.stdout is None:
            raise AssertionError
        try:
            with process.stdin as stdin:
                json.dump(job, stdin)
        except BrokenPipeError:
            return  # it died; the exit status tells
        with process.stdout as stdout:
            for line in stdout:
                answer = json.loads(line)
                if "error" in answer:
                    self._fail(answer["error"], answer["message"])
                with self._lock:
                    self._heard(answer)

    def _fail(self, kind: str, message: str) -> None:
        if kind == "espeak" or self._folder is None:
            raise EspeakError(message)
        raise OutputFolderError(self._folder, f"can not be written ({message})")

    def stop(self) -> None:
        """End all processes."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.kill()
