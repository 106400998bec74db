"""What the program's own text must not hold: calls that run what a file says."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import phonoscope

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(phonoscope.__file__).parent
# what is sent to a process of our own through a pipe, an error's class, and tasks for the workers of a cluster
PICKLE_ALLOWED = {"kernels.py", "models/stored_files.py", "dask_workers.py", "remote_tasks.py"}
UNPICKLES = {"kernels.py", "remote_tasks.py"}
MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "yaml", "cPickle", "_pickle", "code"}
BUILT_IN = {"eval", "exec", "compile", "__import__"}
METHODS = {"popen", "execv", "unsafe_load", "read_pickle", "Unpickler"}
TABLES = {"read_parquet", "scan_parquet", "read_csv", "scan_csv", "read_parquet_schema"}
ASKED = {*BUILT_IN, *METHODS, *TABLES, "system", "load", "from_pretrained"}
WHOLE = {"os.system", "joblib.load", "torch.jit.load"}
ARGUMENTS = {"allow_pickle", "shell", "trust_remote_code"}


def faults(text: str, name: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom) and name not in PICKLE_ALLOWED:
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
            yield from (f"imports {one}" for one in names if one.split(".")[0] in MODULES)
        if isinstance(node, ast.Call):
            yield from faults_of(node)


def faults_of(call: ast.Call) -> Iterator[str]:
    last = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if last not in ASKED and not {keyword.arg for keyword in call.keywords} & ARGUMENTS:
        return
    called, given = ast.unparse(call.func), {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    wrong = {
        "runs what it is given": called in BUILT_IN or last in METHODS or called in WHOLE,
        "torch.load without weights_only": called == "torch.load" and given.get("weights_only") != "True",
        # a folder called a[b would be a pattern
        "reads a pattern": last in TABLES and given.get("glob") != "False",
        "without the common arguments": last == "from_pretrained" and None not in given,
        **{f"{key} is not False": given.get(key, "False") != "False" for key in ARGUMENTS},
    }
    yield from (f"{called}: {what}" for what, is_so in wrong.items() if is_so)


@pytest.mark.parametrize(
    "bad",
    [
        "import pickle",
        "from yaml import load",
        "eval(x)",
        "os.system(x)",
        "torch.load(x)",
        "torch.load(x, weights_only=False)",
        "np.load(x, allow_pickle=True)",
        "subprocess.run(x, shell=True)",
        "M.from_pretrained(x)",
        "M.from_pretrained(x, **how, trust_remote_code=True)",
        "joblib.load(x)",
        "pl.read_csv(x)",
    ],
)
def test_what_is_looked_for_is_found(bad: str) -> None:
    assert list(faults(bad, "x.py"))


def test_nothing_runs_what_a_file_says() -> None:
    paths = sorted(SOURCE.rglob("*.py"))
    assert len(paths) > 200
    found = {
        str(path.relative_to(SOURCE)): list(
            faults(path.read_text(encoding="utf-8"), path.relative_to(SOURCE).as_posix())
        )
        for path in paths
    }
    assert {name: what for name, what in found.items() if what} == {}
    # of those that may, two read pickles, on what phonoscope wrote itself
    texts = {name: (SOURCE / name).read_text(encoding="utf-8") for name in PICKLE_ALLOWED}
    assert {name for name, text in texts.items() if "pickle.load" in text or "import loads" in text} == UNPICKLES
