"""Extraction gives what a page says, keeps what it cannot read, and no page takes it forever."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from smelt.corpus.clean.rules import Rules
from smelt.corpus.document import Document, Drop, as_batch, is_kept
from smelt.corpus.extract.extract import Extract, Mode, main_text
from smelt.corpus.extract.learned import Extractor
from smelt.corpus.extract.model import MODEL, load_model, shipped_model
from smelt.corpus.extract.page import MAX_BYTES
from smelt.corpus.extract.peers import MAX_ATTRIBUTES, MAX_NESTING
from smelt.errors import InputError
from source_files import read

ROOT = Path(__file__).parents[3]
PAGE = """<html><head><title>Smelting</title><script>track()</script></head><body>
<nav><a href="/">Home</a> <a href="/ores">Ores</a></nav>
<article><h1>Smelting</h1><p>Heat the ore with coke.</p>
<img src="x.png" alt="A furnace"><p>Pour off the slag.</p></article>
<footer>Copyright 2024</footer></body></html>"""


def extracted(*documents: Document) -> list[tuple[str, str]]:
    batch = Extract().apply(as_batch(documents))
    return [(row["text"], row["drop"]["reason"] if row["drop"] else row["format"]) for row in batch.to_dicts()]


def page(text: str, drop: Drop | None = None) -> Document:
    return Document("a#0", text, format="html", drop=drop)


def test_what_a_page_says_remains_without_what_surrounds_it() -> None:
    assert extracted(page(PAGE)) == [("Smelting\n\nHeat the ore with coke.\n\nPour off the slag.", "text")]


@pytest.mark.parametrize("mode", ["best", "fast"])
@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<h1>Records</h1><p>Kafka keeps records.</p>", "Records\n\nKafka keeps records."),
        (
            "<nav><a href=/>首页</a></nav><h1>炼铁</h1><p>用焦炭加热矿石。<p>倒出炉渣。",
            "炼铁\n\n用焦炭加热矿石。\n\n倒出炉渣。",
        ),
        ("<ul><li><a href=a>One</a></ul>", None),
        ("<nav><a href=/>Home</a> <a href=/ores>Ores</a></nav>", None),
    ],
)
def test_a_page_of_a_few_words_keeps_them_unless_they_are_links(mode: Mode, html: str, text: str | None) -> None:
    found = main_text(html, mode)
    assert found == text if text else isinstance(found, Drop)


@pytest.mark.parametrize(
    "html",
    [b"<div>" * 2_000_001, b"<p>x" * 110_000, b"x" * (MAX_BYTES + 1)],
    ids=["tags", "blocks", "bytes"],
)
def test_a_page_beyond_all_bounds_is_dropped_with_what_was_measured(html: bytes) -> None:
    found = main_text(html.decode())
    assert isinstance(found, Drop)
    assert found.reason == "extract.hostile"
    assert found.value is not None
    assert found.limit is not None
    assert found.value > found.limit


@pytest.mark.parametrize("opening", ["<div>", "<b>", "<a href=x>", "<my-element class=x>", "<table><tr><td>"])
def test_nesting_without_end_is_read_in_one_sweep(opening: str) -> None:
    assert isinstance(main_text(opening * 100_000 + "deep"), str | Drop)


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<h2>Head <b>two</b></h2>", "## Head two"),
        ("<p>A <b>bold </b>and <i>it</i>alic", "A **bold** and *it*alic"),
        ('<p><a href="/x?a=1&amp;b=2">to <em>x</em></a>.', "[to *x*](/x?a=1&b=2)."),
        ('<p><a href="#top">top</a>', "top"),
        ("<ul><li>One<li>Two<ol><li>a<li>b</ol></ul>", "- One\n- Two\n  1. a\n  2. b"),
        ('<pre><code class="language-python">def f():\n    x</code></pre>', "```python\ndef f():\n    x\n```"),
        ("<table><tr><th>A<th>B<tr><td>1<td></table>", "| A | B |\n| --- | --- |\n| 1 | |"),
        ("<blockquote><p>Said<br>so</blockquote>", "> Said\n> so"),
        ("<p>中文\n换行", "中文换行"),
        ("<p>fin&eacute; &#x4e2d;&nbsp;&notanentity;", "finé 中 ¬anentity;"),
    ],
)
def test_markup_becomes_markdown(html: str, markdown: str) -> None:
    assert Extractor(shipped_model(), markdown=True).whole_text(html.encode()) == markdown


def test_a_damaged_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(MODEL.read_bytes()[:1000])
    with pytest.raises(InputError, match="extraction model"):
        load_model(tmp_path / "m.safetensors")
    with pytest.raises(InputError, match="extraction model"):
        load_model(tmp_path / "absent.safetensors")


def test_a_date_says_where_it_is_from() -> None:
    dated = PAGE.replace("<title>", '<meta name="date" content="1970-01-01"><title>')
    served = json.dumps({"http": {"last-modified": "Fri, 01 Jan 2016 10:00:00 GMT"}})
    documents = [
        Document("a#0", dated, format="html", meta=served, date="2020-05-05"),
        Document("a#1", PAGE, format="html", url="https://example.org/2019/03/07/ore"),
        Document("a#2", PAGE, format="html", date="2020-05-05", meta='["http"]'),
    ]
    rows = Extract().apply(as_batch(documents)).select("date", "date_source", "date_refused").rows()
    assert rows == [("2016-01-01", "server", "epoch"), ("2019-03-07", "address", None), ("2020-05-05", None, None)]


def test_text_passes_through_untouched() -> None:
    assert extracted(Document("a#0", "x <b> y")) == [("x <b> y", "text")]


def test_a_page_of_which_nothing_remains_is_dropped_with_its_html() -> None:
    html = "<body><script>all_of_it()</script></body>"
    assert extracted(page(html), page("")) == [(html, "extract.empty"), ("", "extract.empty")]


def test_what_was_dropped_before_is_left_alone() -> None:
    assert extracted(page(PAGE, Drop("unreadable"))) == [(PAGE, "unreadable")]


@pytest.mark.parametrize("kind", ["text/x-handlebars-template", "text/template", "text/html", "text/x-template"])
def test_a_page_that_is_all_template_is_read_from_it(kind: str) -> None:
    html = f'<body><script id="doc" type="{kind}"><h1>Records</h1><p>Kafka keeps records.</p></script></body>'
    assert main_text(html) == "Records\n\nKafka keeps records."


def test_templates_of_a_page_that_has_text_are_left_out() -> None:
    html = PAGE.replace("</article>", '</article><script type="text/template"><p>{{ comment }}</p></script>')
    assert main_text(html) == main_text(PAGE)


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 300_000 + "deep" + "</div>" * 300_000,
        "<a><b><i>" * 300_000 + "deep",
        "<my-element class=x>" * 300_000 + "deep",
        "<p " + " ".join(f"a{n}=1" for n in range(300_000)) + ">wide",
    ],
)
def test_a_page_that_would_take_resiliparse_hours_is_dropped_unread(html: str) -> None:
    found = main_text(html, "resiliparse")
    assert isinstance(found, Drop)
    assert found.reason == "extract.hostile"
    assert found.value is not None
    assert found.limit in (MAX_NESTING, MAX_ATTRIBUTES)
    assert found.value > found.limit


def test_a_page_that_never_closes_its_templates_is_read_in_no_time() -> None:
    html = '<body><script type="text/template">' * 30_000 + "<p>at last"
    assert isinstance(main_text(html), str | Drop)


def test_a_long_flat_page_is_no_danger() -> None:
    rows = "".join(f"<tr><td><span>cell {n}</span><svg><path d='M0'/></svg><li>item<p>words" for n in range(20_000))
    assert isinstance(main_text(f"<body><table>{rows}</table></body>"), str)


@pytest.mark.parametrize(
    "html", ["<", "<!--", "<![CDATA[", "</p></p>", "<p>\ud7ff\ufffe</p", "&#x110000;&#xd800;", "<svg><p><math>"]
)
def test_torn_markup_is_no_error(html: str) -> None:
    assert isinstance(main_text(html), str | Drop)


def test_measures_of_the_markup_do_not_outlive_it() -> None:
    measured = Rules(table="gopher").apply(as_batch([page(PAGE)]))
    assert "n_words" in measured.columns
    assert "n_words" not in Extract().apply(measured).columns


def test_all_pages_of_the_quickstart_have_text() -> None:
    batch = Extract().apply(as_batch(read(ROOT / "recipes/quickstart/kafka-site.warc.gz", max_record=1 << 26)))
    assert batch.filter(~is_kept()).is_empty()
    assert batch["text"].str.len_bytes().sum() > 4_000_000


def test_real_pages_lose_little_of_what_people_marked_as_their_text(shared_data: Path) -> None:
    """Word F1 against human-reviewed text, as the benchmark computes it; published: trafilatura .791."""
    scores: list[float] = []
    with (shared_data / "web_gold/wcxb_dev.jsonl.zst").open("rb") as file:
        lines = zstandard.ZstdDecompressor(max_window_size=2**28).stream_reader(file)
        for line in lines.read(30_000_000).splitlines()[:-1]:
            row = json.loads(line)
            scores.append(word_f1(str(main_text(row["html"])), row["main_content"]))
    assert len(scores) > 50
    assert sum(scores) / len(scores) > 0.8


def word_f1(text: str, reference: str) -> float:
    ours, theirs = (Counter(re.findall(r"\w+", side.lower())) for side in (text, reference))
    common = sum((ours & theirs).values())
    return 2 * common / (sum(ours.values()) + sum(theirs.values())) if common else float(not theirs)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """The page with pieces of markup and bytes put in, cut out and said again."""
    text = PAGE
    for _ in range(draw(st.integers(1, 8))):
        at, to = sorted(draw(st.tuples(*[st.integers(0, len(text))] * 2)))
        new = draw(
            st.sampled_from(
                ("<", "<<<<", "</", "<div>" * 40, "<pre>", "&#x110000;", "\0", "中文", "<td>", "<a href=", "<!--")
            )
        )
        text = text[:at] + draw(st.sampled_from((new, text[at:to] * 2, ""))) + text[to:]
    return text


@pytest.mark.parametrize("mode", ["best", "fast"])
@settings(max_examples=60, deadline=None)
@given(html=st.one_of(mutated(), st.text(max_size=300)))
def test_any_page_gives_text_or_the_reason_for_none(mode: Mode, html: str) -> None:
    for output in ("text", "markdown"):
        found = main_text(html, mode, output)
        if isinstance(found, Drop):
            assert found.reason in ("extract.empty", "extract.hostile")
        else:
            assert found.strip()
            found.encode()  # holds no half of a character


def test_a_batch_gives_what_each_of_its_pages_gives_alone() -> None:
    pages = [page(PAGE.replace("coke", word)) for word in ("coke", "coal", "焦炭")] + [page("<p>")]
    assert extracted(*pages) == [row for one in pages for row in extracted(one)]


def test_the_quality_mode_of_dates_asks_htmldate() -> None:
    html = PAGE.replace("Copyright 2024", '<span id="foot">updated 2020-09-01</span>')
    (row,) = Extract(dates="best").apply(as_batch([page(html)])).select("date", "date_source").rows()
    assert row == ("2020-09-01", "visible")
