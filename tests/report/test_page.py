import gzip
import json
import re
from base64 import b64decode
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import plotly.graph_objects as go
import polars as pl
import pytest
from plotly.offline import get_plotlyjs

from smelt.core.artifact import Artifact
from smelt.corpus.corpus import Corpus
from smelt.laws.derive import derive_law
from smelt.laws.law import Law
from smelt.plans.budget import Budget
from smelt.plans.plan import make_plan
from smelt.report.duplicates import threshold_figure
from smelt.report.law import law_sections
from smelt.report.page import render_report, report_figures
from smelt.report.plan import plan_facts
from smelt.report.runs import runs_section
from smelt.runs.run import RunTable

Artifacts = dict[str, Artifact]


class Page(HTMLParser):
    """What of a page could matter: elements with attributes, texts by element, scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def text(self, *, inside: str | None = None) -> str:
        return "".join(data for tag, data in self.texts if inside is None or tag == inside)

    def ids(self) -> list[str]:
        return [name for _, attributes in self.elements if (name := attributes.get("id"))]

    def figures(self) -> Iterator[dict[str, object]]:
        for (tag, attributes), data in zip(self._scripts(), self._script_texts(), strict=True):
            if tag == "script" and attributes.get("type") == "application/json":
                yield json.loads(data)

    def _scripts(self) -> list[tuple[str, dict[str, str | None]]]:
        return [element for element in self.elements if element[0] == "script"]

    def _script_texts(self) -> list[str]:
        return [data for tag, data in self.texts if tag == "script"]


@pytest.fixture(scope="module")
def html(artifacts: Artifacts) -> str:
    return render_report(artifacts, title="quick & <start>")


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_nothing_on_the_page_points_outside(page: Page) -> None:
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            if name in {"src", "href", "srcset", "action", "formaction", "poster", "data", "xlink:href"}:
                assert value is not None
                assert value.startswith(("#", "data:")), f"<{tag} {name}={value}>"
            assert not name.startswith("on"), f"<{tag} {name}>"
    assert {tag for tag, _ in page.elements} & {"iframe", "object", "embed", "base", "form"} == set()
    assert "url(" not in page.text(inside="style")
    assert "@import" not in page.text(inside="style")


def test_the_policy_allows_the_two_scripts_of_the_page_and_no_other(html: str, page: Page) -> None:
    policy = next(a["content"] for tag, a in page.elements if tag == "meta" and a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert len(re.findall(r"'sha256-[^']+'", policy)) == 2
    assert "unsafe-inline" not in policy.split("style-src")[0]
    assert "http" not in policy


def test_plotly_travels_inside(html: str) -> None:
    packed = re.search(r'<script type="application/gzip" id="plotly">([^<]+)</script>', html)
    assert packed is not None
    assert gzip.decompress(b64decode(packed[1])).decode() == get_plotlyjs()


def test_texts_of_documents_are_shown_and_never_run(html: str, page: Page) -> None:
    shown = page.text(inside="p")
    assert "<script>document.title = 'taken over'</script>" in shown
    assert "<script>document.title" not in html
    assert "<img" not in html
    assert 'quoting "attributes" and </script> ends' in shown


def test_languages_are_marked_where_they_are_well_formed(page: Page) -> None:
    languages = {attributes["lang"] for tag, attributes in page.elements if tag == "p" and "lang" in attributes}
    assert {"en", "zh"} <= languages <= {"de", "es", "en", "zh"}


def test_every_drop_reason_of_every_ledger_has_a_sample(artifacts: Artifacts, html: str, page: Page) -> None:
    reasons = {
        reason
        for artifact in artifacts.values()
        if isinstance(artifact, Corpus)
        for entry in artifact.ledger()
        for reason in entry["dropped"]
    }
    shown = {attributes["data-reason"] for _, attributes in page.elements if "data-reason" in attributes}
    assert shown == reasons
    for part in html.split('<details class="reason"')[1:]:
        assert '<article class="sample">' in part


def test_samples_say_value_and_limit(page: Page) -> None:
    assert "symbol_word_ratio 0.31 > 0.1" in page.text(inside="span")
    assert "n_words 2 < 50" in page.text(inside="span")


def test_differing_words_of_duplicates_are_marked(page: Page) -> None:
    assert {"hours", "组织或者"} <= {data for tag, data in page.texts if tag == "ins"}
    assert {"milliseconds", "单位和"} <= {data for tag, data in page.texts if tag == "del"}


def test_the_answer_comes_first(page: Page, artifacts: Artifacts) -> None:
    sections = [attributes["id"] for tag, attributes in page.elements if tag == "section"]
    assert sections == [
        "plan",
        "funnel",
        "duplicates",
        "datasheet",
        "tokens",
        "runs",
        "law",
        "belief",
        "checklist",
        "provenance",
    ]
    assert "train 4" in re.sub(r"\s+", " ", page.text())


@pytest.mark.parametrize(
    ("names", "sections"),
    [
        (["clean"], ["funnel", "datasheet", "provenance"]),
        (["clean", "unique"], ["funnel", "duplicates", "datasheet", "provenance"]),
        (["tokens"], ["tokens", "provenance"]),
        (["ladder"], ["runs", "provenance"]),
        (["law"], ["law", "belief", "checklist", "provenance"]),
        (["plan"], ["plan", "provenance"]),
        ([], []),
    ],
)
def test_sections_are_there_for_the_artifacts_that_are(
    artifacts: Artifacts, names: list[str], sections: list[str]
) -> None:
    page = Page(render_report({name: artifacts[name] for name in names}, title="part"))
    assert [attributes["id"] for tag, attributes in page.elements if tag == "section"] == sections


def test_runs_that_diverged_are_counted_and_leave_the_figures_whole(artifacts: Artifacts) -> None:
    table = artifacts["ladder"]
    assert isinstance(table, RunTable)
    worst = pl.col("run") == table.runs["run"][0]
    nan = pl.when(worst).then(float("nan")).otherwise(pl.col("loss_nats")).alias("loss_nats")
    section = runs_section(table.runs.with_columns(nan), table.curves.with_columns(nan))
    assert section is not None
    assert "1 run diverged and is not drawn" in section.body
    assert "NaN" not in section.body
    assert runs_section(table.runs.with_columns(loss_nats=pl.lit(float("nan"))), table.curves) is None


def test_a_law_without_budgets_has_no_isoflop_curves(artifacts: Artifacts) -> None:
    table = artifacts["ladder"]
    assert isinstance(table, RunTable)
    runs = table.runs.with_columns(budget_flops=pl.lit(None, dtype=pl.Float64))
    law, belief, _ = law_sections(derive_law(runs), runs, plan_flops=None)
    assert 'id="residuals"' in belief.body
    assert 'id="contours"' in law.body
    assert 'id="isoflop"' not in law.body


def test_the_law_is_drawn_with_its_own_runs(artifacts: Artifacts, tmp_path: Path) -> None:
    other = RunTable(tmp_path, artifacts["tokens"].manifest.model_copy(update={"kind": "runtable"}))
    with_another = {**artifacts, "another ladder": other}
    page = Page(render_report({name: with_another[name] for name in ("ladder", "another ladder", "law")}, title="two"))
    assert "isoflop" in page.ids()


def test_a_plan_in_flops_alone_says_nothing_of_hours(artifacts: Artifacts) -> None:
    law = artifacts["law"]
    assert isinstance(law, Law)
    facts = dict(plan_facts(make_plan(law.value, Budget(flops=1e19))))
    assert facts["Budget"] == "1e19 FLOPs"
    assert not {"Time", "Cost"} & set(facts)


def test_every_caveat_and_warning_is_on_the_page(artifacts: Artifacts, page: Page) -> None:
    plan = artifacts["plan"].value  # type: ignore[attr-defined]
    items = {data.strip() for tag, data in page.texts if tag == "li"}
    assert set(plan.caveats) <= items


def test_every_artifact_says_where_it_comes_from(artifacts: Artifacts, page: Page) -> None:
    text = page.text()
    for artifact in artifacts.values():
        assert artifact.manifest.fingerprint in text
        assert str(artifact.ref) in text


def test_figures_are_what_plotly_takes(page: Page, artifacts: Artifacts) -> None:
    figures = list(page.figures())
    assert len(figures) == len(report_figures(artifacts))
    for figure in figures:
        drawn = json.loads(re.sub(r'"@[a-z0-9-]+"', '"#123456"', json.dumps(figure)))
        layout = {"xaxis": drawn["x"], "yaxis": drawn["y"], "shapes": drawn["shapes"]}
        go.Figure(data=drawn["traces"], layout=layout)  # raises for an attribute that plotly does not know


def test_every_colour_of_a_figure_is_in_the_style_sheet(page: Page) -> None:
    named = {name for figure in page.figures() for name in re.findall(r'"@([a-z0-9-]+)"', json.dumps(figure))}
    assert "accent" in named
    for name in named:
        assert page.text(inside="style").count(f"--{name}:") == 2, f"--{name} is not in light and in dark"


def test_every_figure_has_words_axes_and_something_to_hover(page: Page, artifacts: Artifacts) -> None:
    plots = [attributes for _, attributes in page.elements if attributes.get("class") == "plot"]
    assert [attributes["data-figure"] for attributes in plots] == [
        f"{f.anchor}-data" for f in report_figures(artifacts)
    ]
    assert all(len(str(attributes["aria-label"])) > 30 for attributes in plots)
    for figure in page.figures():
        assert figure["x"]["title"]["text"]  # type: ignore[index]
        assert any("hovertext" in trace for trace in figure["traces"])  # type: ignore[union-attr]


def test_ids_are_unique_and_links_lead_somewhere(page: Page) -> None:
    ids = page.ids()
    assert len(ids) == len(set(ids))
    links = {str(attributes["href"])[1:] for tag, attributes in page.elements if tag == "a"}
    assert links <= set(ids)


def test_the_same_artifacts_give_the_same_page(artifacts: Artifacts, html: str) -> None:
    assert render_report(artifacts, title="quick & <start>") == html


def test_the_curve_of_thresholds_is_that_of_its_file(tmp_path: Path, artifacts: dict[str, Artifact]) -> None:
    curve = {"jaccard": 0.8, "thresholds": [0.7, 0.8, 0.9], "dropped": [9, 7, 2], "found": [0.9, 0.99, 1.0]}
    (tmp_path / "thresholds.json").write_text(json.dumps(curve))
    figure = threshold_figure(Corpus(tmp_path, artifacts["unique"].manifest))
    assert figure is not None
    assert [trace["y"] for trace in figure.traces] == [[9, 7], [7, 2], [7]]
    assert "At 0.8" in figure.summary
    assert threshold_figure(Corpus(tmp_path / "elsewhere", artifacts["unique"].manifest)) is None
