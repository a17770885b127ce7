"""The page in a real browser: what it loads, how it sorts, reads, prints, and whether it can be read."""

import re
import shutil
from types import SimpleNamespace

import pytest
from sweep_cases import SWEEP
from test_reporting_html import hostile

from pipeline.reporting.render_html import render_html
from pipeline.reporting.render_runs import render_runs
from pipeline.reporting.render_sweep import render_sweep
from pipeline.reporting.runs import compare_runs

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (uv sync)")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH to show the page")

CONTRASTS = """() => {
  document.querySelectorAll("details").forEach((each) => { each.open = true; });
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const over = (below, [r, g, b, a = 1], more = 1) =>
    [r, g, b].map((value, place) => a * more * value + (1 - a * more) * below[place]);
  const luminance = (color) => color.map((value) => value / 255)
    .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);
  const paint = (below, element) => {
    const style = getComputedStyle(element);
    if (!(element instanceof SVGElement)) return over(below, numbers(style.backgroundColor));
    if (!(element instanceof SVGGeometryElement) || style.fill === "none") return below;
    return over(below, numbers(style.fill), style.fillOpacity * style.opacity);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode, element = text.parentElement;
    if (!text.data.trim() || element.closest("script, .skip")) continue;
    element.scrollIntoView({ block: "center", inline: "center" });
    const range = document.createRange();
    range.selectNodeContents(text);
    const box = range.getClientRects()[0];
    if (!box) continue;
    const stack = document.elementsFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    const ground = stack.slice(stack.indexOf(element) + (element instanceof SVGElement ? 1 : 0)).reverse();
    const below = ground.reduce(paint, [255, 255, 255]);
    const style = getComputedStyle(element);
    const color = over(below, numbers(element instanceof SVGElement ? style.fill : style.color));
    const [low, high] = [luminance(color), luminance(below)].sort((a, b) => a - b);
    found.push({ text: text.data.trim(), seen: stack.includes(element), ratio: (high + 0.05) / (low + 0.05) });
  }
  return found;
}"""

NAMELESS = """() => [...document.querySelectorAll("svg, img, [role=img], [role=region], nav, button, a")]
.filter((each) =>
  each.getAttribute("aria-hidden") !== "true" &&
  !(each.getAttribute("aria-label") || each.getAttribute("alt") || (each.tagName !== "svg" && each.textContent.trim()))
).map((each) => each.outerHTML.slice(0, 200))"""


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def visit(browser, tmp_path):
    """Opens a page from disk and keeps what it says and asks for."""
    contexts = []

    def open_page(html, **options):
        path = tmp_path / "page.html"
        path.write_text(html, encoding="utf-8")
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        seen = SimpleNamespace(page=page, said=[], asked=[])
        page.on("console", lambda message: seen.said.append(message.text))
        page.on("pageerror", lambda error: seen.said.append(str(error)))
        page.on("request", lambda request: seen.asked.append(request.url))
        page.goto(path.as_uri())
        return seen

    yield open_page
    for each in contexts:
        each.close()


def column(page, table, number):
    return page.locator(f"{table} tbody tr > :nth-child({number})").evaluate_all(
        "cells => cells.map((cell) => cell.firstChild.textContent.trim())"
    )


@pytest.mark.parametrize("which", ["full", "hostile"])
def test_it_loads_without_an_error_and_asks_for_nothing(visit, document, full_html, which):
    seen = visit(full_html if which == "full" else render_html(hostile(document)))
    assert seen.said == []
    assert [url for url in seen.asked if not url.startswith(("file://", "data:,"))] == []
    assert seen.page.locator("h2", has_text="What it cost").is_visible()


def test_the_page_of_a_sweep_loads_fits_and_sorts(visit):
    seen = visit(render_sweep(SWEEP), viewport={"width": 1100, "height": 900})
    assert seen.said == []
    assert [url for url in seen.asked if not url.startswith(("file://", "data:,"))] == []
    assert seen.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert seen.page.evaluate(NAMELESS) == []
    table = "#jobs ~ .scroll table"
    assert column(seen.page, table, 1) == ["1", "2", "0", "3"]
    seen.page.locator(f"{table} th", has_text="final_sparsity").get_by_role("button").click()
    assert column(seen.page, table, 3) == ["0.3", "0.5", "0.7", "0.9"]
    assert column(seen.page, table, 1) == ["0", "1", "2", "3"]
    charts = seen.page.locator("svg.chart")
    assert charts.count() == 2
    assert charts.locator("path[transform][style*='fill: var(--accent)']").count() == 3, "two by size, one by latency"
    assert charts.locator("path[transform][style*='fill: var(--page)']").count() == 5, "the other jobs"


@pytest.mark.parametrize("key", [None, "Enter", "Space"])
def test_tables_sort_by_click_and_by_keyboard(visit, full_html, key):
    page = visit(full_html).page
    table = "#costs ~ .scroll table"
    head = page.locator(f"{table} th", has_text="Core time")
    button = head.get_by_role("button")

    def press():
        if key is None:
            button.click()
        else:
            button.focus()
            page.keyboard.press(key)

    assert column(page, table, 1) == ["data", "train", "prune", "quantize", "export"]
    assert head.get_attribute("aria-sort") is None
    press()
    assert column(page, table, 1) == ["export", "data", "quantize", "prune", "train"]
    assert head.get_attribute("aria-sort") == "ascending"
    press()
    assert column(page, table, 1) == ["train", "prune", "quantize", "data", "export"]
    assert head.get_attribute("aria-sort") == "descending"
    page.locator(f"{table} th", has_text="Stage").get_by_role("button").click()
    assert column(page, table, 1) == ["data", "export", "prune", "quantize", "train"]
    assert head.get_attribute("aria-sort") is None
    assert page.locator(f"{table} tfoot tr").count() == 1


def test_without_its_script_the_page_says_the_same(visit, full_html):
    with_script = visit(full_html).page.locator("main").text_content()
    page = visit(full_html, java_script_enabled=False).page
    assert page.locator("main").text_content() == with_script
    assert page.locator("button").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("which", ["report", "runs", "sweep"])
def test_every_text_can_be_read(visit, full, full_html, scheme, which):
    html = full_html
    if which == "runs":
        other = {**full, "config": "seed: 2"}
        other["models"] = [full["models"][0], {**full["models"][2], "name": "pruned"}, full["models"][1]]
        html = render_runs(compare_runs(full, other), ("one", "two"))
    if which == "sweep":
        html = render_sweep(SWEEP)
    page = visit(html, color_scheme=scheme).page
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(17, 22, 28)"}[scheme]
    found = page.evaluate(CONTRASTS)
    assert len(found) > {"report": 300, "runs": 60, "sweep": 100}[which]
    assert [each for each in found if each["ratio"] < 4.5] == []
    assert sum(each["seen"] for each in found) > 0.97 * len(found)


def test_pictures_regions_and_buttons_have_names_and_tables_captions(visit, full_html):
    page = visit(full_html).page
    assert page.evaluate(NAMELESS) == []
    assert page.locator("svg[role=img]").count() >= 20
    assert page.locator("table:not(:has(caption))").count() == page.locator("th:not([scope])").count() == 0
    assert (
        page.evaluate("new Set([...document.querySelectorAll('[id]')].map((each) => each.id)).size")
        == page.locator("[id]").count()
    )


def test_the_keyboard_reaches_the_content_and_shows_where_it_is(visit, full_html):
    page = visit(full_html).page
    page.keyboard.press("Tab")
    assert page.locator(":focus").text_content() == "Skip to the content"
    assert page.locator(":focus").bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    assert page.locator(":focus").get_attribute("id") == "main"
    page.keyboard.press("Tab")
    outline = page.locator(":focus").evaluate("each => getComputedStyle(each).outlineStyle")
    assert outline == "solid"


@pytest.mark.parametrize("width", [1200, 400])
def test_the_page_is_never_wider_than_the_window(visit, full_html, width):
    page = visit(full_html, viewport={"width": width, "height": 900}).page
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_prints_with_everything_unfolded_on_white(visit, full_html):
    page = visit(full_html, color_scheme="dark").page
    page.evaluate(
        """addEventListener("beforeprint", () => {
          window.folded = document.querySelectorAll("details:not([open])").length;
        })"""
    )
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) >= 3
    assert page.evaluate("window.folded") == 0
    assert page.locator("details[open]").count() == 0
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
