"""The report in a real headless Chromium: what it asks for, does and looks like."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from matscreen.report import ScreenResult, write_report

NAMES = ("chromium", "chromium-browser", "google-chrome")
# WebGL without a graphics card: Chromium's own software renderer
FLAGS = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
WAIT = 120_000


@dataclass
class Witness:
    """Everything that a page asked for, and complained about."""

    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = os.environ.get("MATSCREEN_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), "")
    if not found:
        pytest.skip(f"no browser: install one of {', '.join(NAMES)}, or set MATSCREEN_CHROMIUM")
    flags = [*FLAGS, "--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else FLAGS
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=list(flags))
        yield started
        started.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, result: ScreenResult) -> Path:
    return write_report(tmp_path_factory.mktemp("page") / "report.html", result)


@dataclass
class Desk:
    """Pages of the report that lie open; reading it four times over would take a minute."""

    browser: Any
    report: Path
    seen: Witness = field(default_factory=Witness)
    pages: dict[tuple[int, str], Any] = field(default_factory=dict)

    def __call__(self, *, width: int = 1280, scheme: str = "light") -> Any:
        if (width, scheme) not in self.pages:
            self.pages[width, scheme] = self._open(width, scheme)
        return self.pages[width, scheme]

    def _open(self, width: int, scheme: str) -> Any:
        context = self.browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
        )
        context.route("**/*", self._route)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.on("console", lambda line: self._complain(line.text) if _bad(line) else None)
        page.on("pageerror", lambda error: self._complain(str(error)))
        page.goto(self.report.as_uri())
        page.wait_for_selector("#plot-energy .main-svg")
        return page

    def _route(self, handler: Any) -> None:
        self.seen.requests.append(handler.request.url)
        if handler.request.url.startswith("file:"):
            handler.continue_()
        else:
            handler.abort()

    def _complain(self, text: str) -> None:
        self.seen.errors.append(text)


@pytest.fixture(scope="module")
def desk(browser: Any, report: Path) -> Desk:
    return Desk(browser, report)


@pytest.fixture
def opened(desk: Desk) -> Iterator[Desk]:
    """Give pages that may ask for nothing but the file itself, and check that they did not."""
    yield desk
    assert desk.seen.errors == []
    assert set(desk.seen.requests) == {desk.report.as_uri()}


def _bad(line: Any) -> bool:
    return line.type == "error"


def column(page: Any, number: int) -> list[str]:
    """Values of a column of the visible rows, as they are sorted by."""
    return page.eval_on_selector_all(
        "#ranking tbody tr:not([hidden])",
        f"rows => rows.map(row => row.cells[{number}].dataset.value)",
    )


def overflow(page: Any) -> int:
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


def camera(page: Any, card: str) -> dict[str, float]:
    return page.evaluate(
        f"document.querySelector('#{card} .crystal-view')._fullLayout.scene._scene.getCamera().eye"
    )


def wait_until(page: Any, condition: str, argument: Any = None) -> None:
    """Wait until JavaScript holds; the report's policy forbids what `wait_for_function` does."""
    end = time.monotonic() + WAIT / 1000.0
    while not page.evaluate(condition, argument):
        assert time.monotonic() < end, f"never came true: {condition}"
        page.wait_for_timeout(50)


def test_sorts_by_a_column_with_pointer_and_keyboard(opened):
    page = opened()
    head = page.locator("#ranking thead th", has_text="Energy").first
    head.locator("button").click()
    values = list(map(float, column(page, 3)))
    assert head.get_attribute("aria-sort") == "ascending"
    assert values == sorted(values)
    assert len(values) == 25
    head.locator("button").press("Enter")
    values = list(map(float, column(page, 3)))
    assert head.get_attribute("aria-sort") == "descending"
    assert values == sorted(values, reverse=True)
    assert page.locator("#ranking [aria-sort]").count() == 1


def test_filters_by_text_mechanism_and_feasibility(opened):
    page = opened()
    page.select_option("#mechanism", "valence_change")
    assert {text.split()[0] for text in column(page, 2)} == {"valence_change"}
    page.check("#feasible")
    assert page.locator("#ranking tbody tr.out:not([hidden])").count() == 0
    page.fill("#find", "Ti")
    shown = column(page, 1)
    assert shown
    assert all("Ti" in formula for formula in shown)
    assert re.fullmatch(r"\d+ of \d+ shown", page.inner_text("#shown"))
    page.fill("#find", "Unobtainium")
    assert column(page, 1) == []
    assert page.inner_text("#shown") == "Nothing matches in this table"
    page.fill("#find", "")
    page.select_option("#mechanism", "")
    page.uncheck("#feasible")
    page.click("#more")
    assert page.locator("#ranking tbody tr:not([hidden])").count() == 200


def test_a_row_opens_its_card_and_the_crystal_turns(opened):
    page = opened()
    assert (
        page.locator(".crystal-view canvas").count() == 0
    )  # nothing is drawn before a card is opened
    page.click('#ranking a[href="#card-1"]')
    view = page.locator("#card-1 .crystal-view")
    view.locator("canvas").first.wait_for(state="attached")
    assert page.locator("#card-1").get_attribute("open") is not None
    wait_until(page, "document.activeElement.closest('#card-1') !== null")
    before = camera(page, "card-1")
    view.scroll_into_view_if_needed()
    box = view.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 90, y + 20, steps=6)
    page.mouse.up()
    wait_until(
        page,
        "before => { const eye = document.querySelector('#card-1 .crystal-view')._fullLayout.scene"
        "._scene.getCamera().eye; return Math.hypot(eye.x - before.x, eye.y - before.y) > 0.1; }",
        before,
    )
    dragged = camera(page, "card-1")
    page.locator('#card-1 [data-turn="30"]').press("Enter")
    wait_until(
        page,
        "before => Math.abs(document.querySelector('#card-1 .crystal-view')._fullLayout.scene"
        "._scene.getCamera().eye.x - before.x) > 0.05",
        dragged,
    )
    # spheres of every element, the cell, bonds and a polyhedron
    kinds = page.evaluate(
        "document.querySelector('#card-1 .crystal-view').data.map(trace => trace.type)"
    )
    assert kinds.count("mesh3d") == 4
    assert kinds.count("scatter3d") == 3
    assert page.inner_text("#card-1 .elements").split() == ["Ba", "Ti", "O"]
    page.locator("#card-1 summary").press("Enter")
    wait_until(page, "document.querySelectorAll('#card-1 canvas').length === 0")


def test_the_crystal_is_painted(opened):
    page = opened()
    page.evaluate("document.getElementById('card-3').open = true")
    page.locator("#card-3 canvas").first.wait_for(state="attached")
    pixels = page.evaluate(
        """async () => {
          const place = document.querySelector('#card-3 .crystal-view');
          const url = await Plotly.toImage(place, { format: 'png', width: 300, height: 300 });
          const image = new Image();
          image.src = url;
          await image.decode();
          const canvas = document.createElement('canvas');
          canvas.width = canvas.height = 300;
          const context = canvas.getContext('2d', { willReadFrequently: true });
          context.drawImage(image, 0, 0);
          const { data } = context.getImageData(0, 0, 300, 300);
          const seen = { painted: 0, red: 0 };
          for (let i = 0; i < data.length; i += 4) {
            if (data[i + 3] < 40) continue;
            seen.painted += 1;
            if (data[i] > 150 && data[i + 1] < 90 && data[i + 2] < 90) seen.red += 1;
          }
          return seen;
        }"""
    )
    assert pixels["painted"] > 3000
    assert pixels["red"] > 50  # oxygen
    page.evaluate("document.getElementById('card-3').open = false")


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_page(opened, width):
    page = opened(width=width)
    assert overflow(page) <= 0
    page.evaluate(
        "document.querySelectorAll('details').forEach(d => { d.open = !/^card-(?!1$)/.test(d.id) })"
    )
    page.locator("#card-1 canvas").first.wait_for(state="attached")
    assert overflow(page) <= 0
    wide = page.eval_on_selector_all(
        "main .plot, main .crystal-view",
        "places => places.filter(p => p.getBoundingClientRect().right > innerWidth + 1).length",
    )
    assert wide == 0
    page.evaluate("document.getElementById('card-1').open = false")


CONTRAST = """() => {
  const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const paint = (colours) => {
    context.clearRect(0, 0, 1, 1);
    colours.forEach((colour) => { context.fillStyle = colour; context.fillRect(0, 0, 1, 1); });
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const poor = [];
  for (const element of document.querySelectorAll('header *, main *, footer *')) {
    const said = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!said || !element.checkVisibility({ visibilityProperty: true })) continue;
    if (element.closest('[aria-hidden="true"], .sr, .plot, .crystal-view, option')) continue;
    const style = getComputedStyle(element);
    const grounds = [];
    for (let node = element; node; node = node.parentElement) {
      grounds.unshift(getComputedStyle(node).backgroundColor);
    }
    const ground = paint(['white', ...grounds]);
    const ink = paint([`rgb(${ground})`, style.color]);
    const [high, low] = [light(ink), light(ground)].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < (large ? 3 : 4.5)) {
      poor.push([element.tagName, element.className, element.textContent.trim().slice(0, 30), ratio]);
    }
  }
  return poor;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(opened, scheme):
    page = opened(scheme=scheme)
    page.evaluate("document.getElementById('card-2').open = true")
    assert page.locator("#card-2 .notes, #card-2 table").first.is_visible()
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 27)"}[scheme]
    assert page.evaluate(CONTRAST) == []
    page.evaluate("document.getElementById('card-2').open = false")


def test_the_reader_chooses_the_scheme_and_figures_follow(opened):
    page = opened()
    inks = "document.querySelector('#plot-energy .ytick text').style.fill"
    before = page.evaluate(inks)
    page.click("#theme")
    assert page.get_attribute("#theme", "aria-pressed") == "true"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 27)"
    assert page.evaluate(inks) != before
    page.click("#theme")
    assert page.evaluate(inks) == before


def test_the_first_tab_skips_to_the_verdict(opened):
    page = opened(width=390)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#verdict"


def test_paper_is_light_and_without_controls(opened):
    page = opened(scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for control in ("nav", "#filters", "#theme", ".turn"):
        assert not page.locator(control).first.is_visible()
