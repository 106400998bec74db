"""The site is built strictly and leads nowhere wrong; what the documentation shows can be done."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import phonoscope
from made_run import Plan, make_run
from phonoscope.cli import _settings, app
from phonoscope.settings import Settings
from site_reading import Page, complaints

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Request

pytest_plugins = ["browsing"]

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *PAGES]}
NOT_RUN = re.compile(r"<!-- not run: \S.*-->\n+\Z")
BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for package in ("material", "mkdocstrings", "latex2mathml"):
        if not os.environ.get("CI"):
            pytest.importorskip(package)
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    paths = [str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    assert len(list(site.glob("*.html"))) > len(PAGES), "a page each, and the one for what is not found"
    assert list(complaints(site)) == []


def test_what_is_wrong_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.html").write_text('<p id="one"></p>', encoding="utf-8")
    (tmp_path / "looks.css").write_text("@import 'https://fonts.example/x.css'; a { background: url(no.png) }")
    (tmp_path / "index.html").write_text(
        '<link rel="stylesheet" href="looks.css"><link rel="canonical" href="https://example.org/">'
        '<script src="https://cdn.example/x.js"></script><img src="no.png"><a href="there.html#two">a</a>'
        '<a href="there.html#one">b</a><a href="https://doi.org/10.1">c</a><a href="gone.html">d</a>'
        '<a href="#top">e</a><style>p { background: url("//host.example/y.png") }</style>',
        encoding="utf-8",
    )
    found = list(complaints(tmp_path))
    assert len(found) == 8
    for what in ("cdn.example", "no.png, which", "#two, and", "gone.html", "#top", "host.example", "fonts.example"):
        assert any(what in one for one in found), what


def test_the_api_has_every_public_name_and_the_settings_page_every_setting(site: Path) -> None:
    anchors = Page(site / "api.html").anchors
    public = set(phonoscope.__all__) - {"__version__"}
    assert {name for name in public if f"phonoscope.{name}" not in anchors} == set()
    text = (site / "settings.html").read_text(encoding="utf-8")
    assert [name for name, _ in Settings().flat() if f"<code>--{name}</code>" not in text] == []
    row = text.partition("<code>--reduction.pca_variance</code>")[2].partition("</tr>")[0]
    assert re.findall(r"<td>(.*?)</td>", row) == [
        "<code>0.9</code>",
        "from 0.01 to 1.0",
        "share of the variance that PCA keeps",
    ]


def test_every_formula_is_drawn(site: Path) -> None:
    text = (site / "method.html").read_text(encoding="utf-8")
    drawn = re.findall(r"<math.*?</math>", text, re.DOTALL)
    assert len(drawn) == sum(len(body.strip().splitlines()) for kind, body in blocks("method.md") if kind == "math")
    assert [one for one in drawn if "\\" in one] == [], "LaTeX that was not understood stays as it was"


def test_the_search_works_without_a_server(site: Path, browser: Browser) -> None:
    page = browser.new_page()
    asked: list[str] = []
    heard: list[str] = []

    def watch(request: Request) -> None:
        if not request.url.startswith((site.as_uri(), "data:", "blob:", "about:")):
            asked.append(request.url)

    page.on("request", watch)
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.set_default_timeout(15_000)
    page.goto((site / "index.html").as_uri())
    page.locator("input[data-md-component=search-query]").click()
    page.keyboard.type("Davies-Bouldin")
    page.locator(".md-search-result__item a").first.wait_for()
    assert "method.html" in page.locator(".md-search-result__list").inner_html()
    page.close()
    assert asked == []
    assert heard == []


def blocks(name: str) -> list[tuple[str, str]]:
    """The fenced blocks of a page: language and text."""
    return [(block[1], block[2]) for block in BLOCK.finditer(TEXTS[name])]


def examples(name: str) -> list[str]:
    """The Python examples of a page that are meant to be run."""
    text = TEXTS[name]
    return [b[2] for b in BLOCK.finditer(text) if b[1] == "python" and not NOT_RUN.search(text[: b.start()])]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run that the examples read, which took no training."""
    folder = tmp_path_factory.mktemp("examples")
    make_run(folder / "runs" / "real", Plan(layers={"raw": (3, 5, 8), "conv1": (4, 3, 8), "D3": (24,)}))
    return folder


@pytest.mark.parametrize("name", [path.name for path in PAGES if examples(path.name)])
def test_the_examples_run(name: str, finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished)
    names: dict[str, Any] = {"__name__": "example"}
    for i, code in enumerate(examples(name)):
        exec(compile(code, f"{name}, example {i + 1}", "exec"), names)  # noqa: S102 - our own documentation


def test_there_are_examples_and_those_left_out_say_why() -> None:
    assert examples("tutorial.md")
    assert examples("models.md")
    assert NOT_RUN.search("text\n\n<!-- not run: it trains for an hour -->\n")
    assert not NOT_RUN.search("<!-- not run: -->\n")


def commands(text: str) -> list[str]:
    """The calls of phonoscope in blocks of code, and those within lines that have options."""
    fenced = "\n".join(b[2] for b in BLOCK.finditer(text) if b[1] != "python")
    indented = "\n".join(line[4:] for line in text.splitlines() if line.startswith("    "))
    lines = f"{fenced}\n{indented}".replace("\\\n", " ").splitlines()
    called = [line.removeprefix("$ ") for line in lines if re.match(r"(\$ )?phonoscope [a-z]+ ", line)]
    prose = BLOCK.sub("", text).replace("\n", " ")
    return called + re.findall(r"(?<!`)`(phonoscope [a-z]+ [^`]*--[^`…]+)`(?!`)", prose)


def parse(command: str) -> None:
    """Read a call as the command line does, and the values of its settings as a run does, without doing it."""
    words = shlex.split(command, comments=True)[1:]
    _, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    _settings(bound.arguments.get("options"), bound.arguments.get("preset"))


def test_every_command_that_is_shown_could_be_given() -> None:
    shown = {command: name for name, text in TEXTS.items() for command in commands(text)}
    assert len(shown) > 25
    for command, name in shown.items():
        try:
            parse(command)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the page's fault
            pytest.fail(f"{name}: {command}\n{error}")


@pytest.mark.parametrize(
    "wrong",
    [
        "phonoscope runn corpus --out x",
        "phonoscope run corpus --out x --corpus.fromat textgrid",
        "phonoscope run corpus --out x --corpus.format texgrid",
        "phonoscope run corpus",
        "phonoscope run corpus --out x --reduction.pca_variance 1.5",
    ],
)
def test_a_command_that_could_not_be_given_is_told(wrong: str) -> None:
    assert commands(f"text\n\n    {wrong}\n") == [wrong]
    with pytest.raises(Exception, match=r"\w"):
        parse(wrong)


def test_every_setting_and_target_that_is_named_exists() -> None:
    known = {name for name, _ in Settings().flat()}
    stages = "|".join(sorted({name.partition(".")[0] for name in known if "." in name}))
    files = ("csv", "parquet", "toml", "json", "npy", "jsonl", "gz")
    unknown, named = [], 0
    for page, text in TEXTS.items():
        for found in re.finditer(rf"(?<![\w./])(?:--|`)((?:{stages})\.([a-z_]+))(?![\w.(])", text):
            if found[2] not in files:
                named += 1
                unknown += [] if found[1] in known else [f"{page}: {found[1]}"]
    assert named > 100
    assert unknown == []
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {target for text in TEXTS.values() for target in re.findall(r"`make ([a-z]+)`", text)}
    assert "docs" in set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert targets <= set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
