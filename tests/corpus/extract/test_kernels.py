"""The parser reads what an HTML5 parser reads, and the kernels fill what the model was trained on."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from resiliparse.parse.html import HTMLTree

from smelt.corpus.extract.blocks import Blocks
from smelt.corpus.extract.columns import FEATURES
from smelt.corpus.extract.context import CONTEXT
from smelt.corpus.extract.learned import Extractor
from smelt.corpus.extract.marks import BODY_BYTES, H1, META, WORDS, YEAR, find_marks
from smelt.corpus.extract.model import shipped_model
from source_files import read

ROOT = Path(__file__).parents[3]
UNSEEN = "script,style,noscript,svg,template,select,canvas,math,object,textarea,iframe,noembed,noframes,xmp,title"


@pytest.fixture(scope="module")
def pages() -> list[str]:
    documents = read(ROOT / "recipes/quickstart/kafka-site.warc.gz", max_record=1 << 26)
    return [document.text for document in documents if document.format == "html"]


def letters(text: str) -> str:
    return re.sub(r"\W+", "", text)


def test_a_page_says_what_an_html5_parser_finds_in_it(pages: list[str]) -> None:
    """Lexbor builds the standard's tree; white space is what a style sheet decides, and is left out."""
    extractor = Extractor(shipped_model())
    for html in pages:
        tree = HTMLTree.parse(html)
        for node in tree.document.query_selector_all(UNSEEN):
            node.decompose()
        assert letters(extractor.whole_text(html.encode())) == letters(tree.body.text)  # type: ignore[union-attr, arg-type]


def test_every_feature_is_written_and_none_beyond(pages: list[str]) -> None:
    blocks, model = Blocks(), shipped_model()
    blocks.read(np.frombuffer(pages[0].encode(), np.uint8))
    blocks.describe(model)
    blocks.rows[:] = np.nan
    blocks.describe(model)
    written = ~np.isnan(blocks.rows[: blocks.n])
    assert written[:, : len(FEATURES)].all()
    assert not written[:, len(FEATURES) :].any()
    blocks.see_context(np.full(blocks.n, 0.5, np.float32))
    assert not np.isnan(blocks.rows[: blocks.n]).any()
    assert blocks.rows.shape[1] == len(FEATURES) + len(CONTEXT)


@pytest.mark.parametrize("stage", ["first", "second"])
def test_the_shipped_trees_ask_for_no_feature_that_is_not_there(stage: str) -> None:
    n_features = {"first": len(FEATURES), "second": len(FEATURES) + len(CONTEXT)}[stage]
    features = getattr(shipped_model(), stage).features
    assert 0 <= features.min() <= features.max() < n_features


def test_a_page_is_chosen_alike_whatever_was_read_before(pages: list[str]) -> None:
    used, model = Extractor(shipped_model()), shipped_model()
    for html in pages[:40]:
        assert used.main_text(html.encode()) == Extractor(model).main_text(html.encode())


def test_marks_are_where_a_plain_search_finds_them() -> None:
    body = "".join(
        f"<h1>Head {year}</h1><p class='post-date by{year}line'>12 March {year}, 19{year}" for year in range(1990, 2030)
    )
    page = f"<head><meta name=a><meta name=b></head><body>{body}".encode()
    marks = find_marks(page)
    text = re.sub(rb"<[^>]*>", lambda tag: b" " * len(tag[0]), page)
    assert [mark["start"] for mark in marks if mark["kind"] == YEAR] == [
        found.start() for found in re.finditer(rb"(?<!\d)(?:19|20)\d\d(?!\d)", text)
    ]
    for kind, tag in ((META, rb"<meta"), (H1, rb"<h1")):
        assert [mark["start"] for mark in marks if mark["kind"] == kind] == [
            found.start() for found in re.finditer(tag, page)
        ]
    dated = 1 << WORDS.index("date")
    assert sum(bool(mark["words"] & dated) for mark in marks) == 40


def test_marks_end_with_the_part_of_the_body_that_is_read() -> None:
    page = b"<head></head><body>" + b"<p>words " * BODY_BYTES + b"<h1>Late</h1>"
    assert not (find_marks(page)["kind"] == H1).any()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["<", ">", "<h1", "<meta ", "class=", '"', "'", "date", "2024", "</head>", "<!--", "<script>", "中"]
        ),
        max_size=30,
    )
)
def test_marks_of_any_page_lie_in_it_and_in_order(pieces: list[str]) -> None:
    page = "".join(pieces).encode()
    marks = find_marks(page)
    assert (marks["start"] < marks["end"]).all()
    assert (marks["end"] <= len(page)).all()
    assert (np.diff(marks["start"]) > 0).all()


def test_reading_a_recipe_compiles_nothing() -> None:
    code = "import sys, smelt.corpus.ops; smelt.corpus.ops.parse_op('extract'); sys.exit('numba' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
