"""The page in Chromium: both widths, both colour schemes, no network."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from examined_law import examined_law
from planted_runs import ladder
from smelt.core.artifact import Artifact
from smelt.report.fit import write_fit_report
from smelt.report.page import render_report

pytestmark = pytest.mark.browser

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    if executable is None:
        pytest.fail("no Chromium on this machine: apt-get install chromium")  # these run only when asked for
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(artifacts: dict[str, Artifact], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render_report(artifacts, title="quickstart"))
    return path


@pytest.fixture(scope="module")
def fit_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fit") / "fit.html"
    write_fit_report(examined_law(), ladder(), path, title="planted")
    return path


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["report", "fit_report"])
def test_the_page_draws_everything_without_errors_requests_or_overflow(
    browser: Browser, kind: str, width: int, scheme: str, request: pytest.FixtureRequest
) -> None:
    report: Path = request.getfixturevalue(kind)
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,  # type: ignore[arg-type]
        is_mobile=width < 500,
        has_touch=width < 500,
    )
    page = context.new_page()
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(report.as_uri())
    page.locator("html[data-drawn=true]").wait_for(state="attached", timeout=60_000)
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true })")

    assert complaints == []
    assert [url for url in requests if not url.startswith(("data:", "blob:"))] == [report.as_uri()]
    assert page.title() == {"report": "quickstart", "fit_report": "planted"}[kind] + ": smelt report"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    plots = page.locator(".plot")
    assert plots.count() == page.locator("figure").count() >= 15
    for place in range(plots.count()):
        marks = plots.nth(place).locator(".scatterlayer path, .barlayer path")
        assert marks.count() > 0, f"plot {place} is empty"
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(251, 250, 248)", "dark": "rgb(23, 21, 19)"}[scheme]
    context.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_ticks_and_labels_of_a_figure_do_not_overlap_and_are_whole(
    browser: Browser, fit_report: Path, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(fit_report.as_uri())
    page.locator("html[data-drawn=true]").wait_for(state="attached", timeout=60_000)
    clashes = page.evaluate("""() => [...document.querySelectorAll(".plot")].flatMap((plot) => {
        const frame = plot.getBoundingClientRect();
        return [".xtick text", ".ytick text", ".textpoint text"].flatMap((kind) => {
            const boxes = [...plot.querySelectorAll(kind)].map((text) =>
                [text.textContent, text.getBoundingClientRect()]);
            const cut = boxes.filter(([, box]) => box.left < frame.left - 1 || box.right > frame.right + 1);
            const meet = boxes.filter(([, a], i) => boxes.some(([, b], j) => j > i
                && a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom));
            return [...cut, ...meet].map(([text]) => `${plot.dataset.figure} ${kind} ${text}`);
        });
    })""")
    assert clashes == []
    page.close()


def test_figures_follow_a_change_of_the_colour_scheme(browser: Browser, report: Path) -> None:
    page = browser.new_page(color_scheme="light")
    page.goto(report.as_uri())
    page.locator("html[data-drawn=true]").wait_for(state="attached", timeout=60_000)
    bar = page.locator("#funnel-documents .barlayer path").first
    expect(bar).to_have_css("fill", "rgb(180, 73, 26)")
    page.emulate_media(color_scheme="dark")
    expect(bar).to_have_css("fill", "rgb(240, 147, 90)")
    page.close()
