"""A browser, and pages of made runs that are opened in it under watch."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from made_run import LAYERS, TWELVE, Plan, make_run
from phonoscope.report.write import write_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Request

    OpenPage = Callable[..., Page]

NAUGHTY = "<script>alert(1)</script>"
_ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def _without_browser(why: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"{why}, but CI has to look at the page in a browser")
    pytest.skip(why)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        _without_browser("there is no Chromium")
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - may not be installed
    except ImportError:
        _without_browser("Playwright is not installed")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        yield found
        found.close()


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a small run, one of whose phones is called like an element."""
    plan = Plan(
        phones={**TWELVE, NAUGHTY: "o", "a~": "ɑ̃"},
        layers={**LAYERS, "my layer": (7,)},
        corpus="<b>corpus",
        utterance=f"{{speaker}}/{NAUGHTY}{{i}}",
        warnings=[f"/{NAUGHTY}/ is rare"],
    )
    return write_report(make_run(tmp_path_factory.mktemp("page"), plan))


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens a page in a window of its own; fails in the end for any error, warning, dialog or request of a page."""
    contexts: list[BrowserContext] = []
    heard: list[str] = []

    def heed(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            heard.append(f"{message.type}: {message.text}")

    def refuse(dialog: Dialog) -> None:
        heard.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def open_it(path: Path, **options: Any) -> Page:  # noqa: ANN401 - Playwright's many options
        def watch(request: Request) -> None:
            if request.url.split("#")[0] != path.as_uri() and not request.url.startswith(("data:", "blob:")):
                heard.append(f"request: {request.url}")

        context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", heed)
        page.on("pageerror", lambda error: heard.append(f"error: {error}"))
        page.on("dialog", refuse)
        page.on("request", watch)
        page.goto(path.as_uri())
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert heard == []
