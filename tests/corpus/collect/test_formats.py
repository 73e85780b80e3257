"""PDF, MediaWiki dumps, front matter, JSON arrays, packings; and columns and labels that the user names."""

from __future__ import annotations

import bz2
import json
import lzma
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from benchmarks.wrappings import CONTAINER, SITEINFO, dump, dump_page, pdf, web_archive, zipped
from pydantic import ValidationError

from smelt.core.store import Store
from smelt.core.work import Inline
from smelt.corpus.collect.wikitext import plain_text
from smelt.corpus.steps import Read
from smelt.errors import InputError
from source_files import kept, problems, read

IRON = """{{Infobox|name=Iron|image=[[File:x.png]]}}
'''Iron''' is a [[chemical element|element]].<ref name="a">{{cite|x}}</ref> [[File:a.jpg|thumb|A [[bar]] of it]]
== Use ==
* [[Steel]]
** rails
{| class="wikitable"
| a || b
|}
== References ==
{{reflist}}
[[Category:Metals]] [[de:Eisen]]"""
COMPUTER = (
    "'''计算机'''（{{lang|en|Computer}}）有-{zh-hans:软件;zh-hant:軟體}-。-{H|zh-cn:内存}-"
    "\n== 历史 ==\n# 电子管\n[[分类:计算机]]"
)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


# ---- dumps


def test_an_article_keeps_its_prose_its_headings_and_its_lists() -> None:
    assert plain_text(IRON) == "Iron is a element.\n\n## Use\n\n- Steel\n  - rails"
    assert plain_text(COMPUTER) == "计算机有软件。\n\n## 历史\n\n1. 电子管"


def test_articles_of_a_dump_say_where_they_are_from(tmp_path: Path) -> None:
    content = dump([COMPUTER], language="zh", category="分类")
    [document] = read(write(tmp_path / "zhwiki-20240101-pages-articles.xml", content))
    assert document.text.startswith("计算机有软件。")
    assert document.url == "https://zh.wiki.example/wiki/Article_0"
    assert (document.language, document.date, document.source) == ("zh", "2024-05-06T07:08:09Z", "zhwiki")
    assert json.loads(document.meta or "") == {"title": "Article 0", "page": "7", "revision": "71"}


def test_redirects_and_other_name_spaces_are_left_out_and_counted(tmp_path: Path) -> None:
    pages = [
        dump_page("Iron", IRON),
        dump_page("Ferrum", "#REDIRECT [[Iron]]", redirect="Iron"),
        dump_page("Talk:Iron", "Is it?", space=1),
        dump_page("Template:Box", "x", space=10),
    ]
    content = (SITEINFO.format(language="en", category="Category") + "".join(pages) + "</mediawiki>").encode()
    documents = read(write(tmp_path / "enwiki-pages-articles.xml", content))
    assert len(kept(documents)) == 1
    assert Counter(document.drop.reason for document in documents if document.drop) == {"not_article": 3}
    assert list(problems(documents).values()) == ["a redirect", "name space 1", "name space 10"]


def test_a_multistream_dump_is_read_through(tmp_path: Path) -> None:
    whole = dump([f"Article {n} of the dump." for n in range(9)])
    parts = b"".join(bz2.compress(whole[place : place + 700]) for place in range(0, len(whole), 700))
    documents = read(write(tmp_path / "enwiki-pages-articles-multistream1.xml-p1p9.bz2", parts))
    assert kept(documents) == [f"Article {n} of the dump." for n in range(9)]


def test_a_broken_page_or_one_that_is_too_long_costs_itself_alone(tmp_path: Path) -> None:
    pages = [dump_page("a", "One."), "<page><title>b</page>", dump_page("c", "x" * (2 << 20)), dump_page("d", "Two.")]
    content = (SITEINFO.format(language="en", category="Category") + "".join(pages) + "</mediawiki>").encode()
    documents = read(write(tmp_path / "wiki.xml", content))
    assert kept(documents) == ["One.", "Two."]
    assert [str(problem)[:12] for problem in problems(documents).values()] == ["a page that ", "a page of 2,"]


def test_a_dump_that_is_cut_says_so(tmp_path: Path) -> None:
    documents = read(write(tmp_path / "wiki.xml", dump(["One.", "Two."])[:-200]))
    assert kept(documents) == ["One."]
    assert "cut off" in str(problems(documents))


def test_wikitext_that_would_take_minutes_is_given_up(tmp_path: Path) -> None:
    documents = read(write(tmp_path / "wiki.xml", dump(["{{a|" * 20_000 + "}}" * 20_000, "After it."])))
    assert kept(documents) == ["After it."]
    assert "s of a processor" in str(problems(documents))


@pytest.mark.parametrize("name", ["wiki.xml", "book.epub"])
def test_entities_of_a_file_are_never_unpacked(tmp_path: Path, name: str) -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha" * 10}">' for n in range(10))
    prologue = f"<!DOCTYPE x [{laughs}]>"
    if name == "wiki.xml":
        content = prologue.encode() + dump(["x"]).replace(b">x</text>", b">&l9;</text>")
    else:
        content = zipped({"META-INF/container.xml": prologue + CONTAINER})
    assert "entities of its own" in str(problems(read(write(tmp_path / name, content))))


# ---- PDF


def test_the_lines_of_a_pdf_become_paragraphs(tmp_path: Path) -> None:
    english = "Iron is smelted from ore in a fur-\nnace of brick, with coke for fuel\nand lime. It is tapped at noon."
    chinese = "第一条 为了加强和规范对食品生产经营活动的监督\n检查，制定本办法。"
    [document] = read(write(tmp_path / "a.pdf", pdf([english, chinese])))
    assert "in a furnace of brick, with coke for fuel and lime." in document.text
    assert "活动的监督检查，制定本办法。" in document.text


def test_a_pdf_of_pictures_says_that_it_has_no_text(tmp_path: Path) -> None:
    [document] = read(write(tmp_path / "scan.pdf", pdf(["", ""])))
    assert document.drop is not None
    assert document.drop.reason == "no_text"
    assert "no text in 2 pages" in str(document.drop.detail)


def test_what_is_no_pdf_costs_itself_alone(tmp_path: Path) -> None:
    write(tmp_path / "a.pdf", b"%PDF-1.7 nothing")
    write(tmp_path / "b.pdf", pdf(["Iron."]))
    documents = read(tmp_path)
    assert kept(documents) == ["Iron."]
    assert "not a PDF" in str(problems(documents)["a.pdf#0"])


# ---- Markdown, JSON, packings, WET


def test_front_matter_goes_to_date_and_meta(tmp_path: Path) -> None:
    content = b"---\ntitle: Of iron\nauthor: A. Smith\ndate: 2024-02-03\ntags: [ore]\n---\n# Iron\n\nHeat it."
    [document] = read(write(tmp_path / "a.md", content))
    assert (document.text, document.date) == ("# Iron\n\nHeat it.", "2024-02-03")
    meta = json.loads(document.meta or "")
    assert (meta["title"], meta["author"], meta["tags"]) == ("Of iron", "A. Smith", ["ore"])


@pytest.mark.parametrize(
    "content", ["---\nA text between rules.\n---\nMore.", "---\na: &a [x]\nb: *a\n---\nMore.", "---\n"]
)
def test_what_is_no_front_matter_stays_text(tmp_path: Path, content: str) -> None:
    assert kept(read(write(tmp_path / "a.md", content.encode()))) == [content]


ROWS = [{"text": f"row {n}", "n": {"a": [n, "]"]}} for n in range(3_000)]


@pytest.mark.parametrize(
    "content",
    [json.dumps(ROWS), json.dumps(ROWS, indent=2), "\n".join(map(json.dumps, ROWS)), "\ufeff" + json.dumps(ROWS)],
)
def test_a_json_file_may_be_an_array_or_lines(tmp_path: Path, content: str) -> None:
    documents = read(write(tmp_path / "a.json", content.encode()))
    assert kept(documents) == [row["text"] for row in ROWS]
    assert documents[0].id == "a.json#1"


def test_a_json_file_may_be_one_object(tmp_path: Path) -> None:
    assert kept(read(write(tmp_path / "a.json", json.dumps(ROWS[0], indent=1).encode()))) == ["row 0"]


def test_an_array_that_is_cut_gives_what_stands_before(tmp_path: Path) -> None:
    documents = read(write(tmp_path / "a.json", json.dumps(ROWS).encode()[:-10]))
    assert kept(documents) == [row["text"] for row in ROWS[:-1]]
    assert "cannot be read on after value 2999" in str(problems(documents))


def test_packings_may_lie_over_one_another(tmp_path: Path) -> None:
    content = lzma.compress(bz2.compress(b'{"text": "one"}\n')) + lzma.compress(b"")
    assert kept(read(write(tmp_path / "a.jsonl.bz2.xz", content))) == ["one"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.txt"])
def test_a_byte_order_mark_tells_the_encoding(tmp_path: Path, encoding: str, name: str) -> None:
    text = {"a.jsonl": '{"text": "Größe 字"}\n', "a.csv": "n,text\n1,Größe 字\n", "a.txt": "Größe 字"}[name]
    mark = "\ufeff" if encoding.endswith("be") else ""
    assert kept(read(write(tmp_path / name, (mark + text).encode(encoding)))) == ["Größe 字"]


def test_a_wet_file_says_its_languages(tmp_path: Path) -> None:
    [document] = read(write(tmp_path / "a.warc.wet", web_archive(["第一条"], kind="conversion")))
    assert (document.text, document.language, document.url) == ("第一条", "zh", "https://example.org/0")


# ---- columns and labels


def test_columns_may_have_other_names_and_lie_inside_others(tmp_path: Path) -> None:
    row = {"message": {"content": "t", "role": "user"}, "created": "2020-01-02", "text": "other"}
    columns = {"text": "message.content", "date": "created"}
    [document] = read(write(tmp_path / "a.jsonl", json.dumps(row).encode()), columns=columns)
    assert (document.text, document.date) == ("t", "2020-01-02")
    assert json.loads(document.meta or "") == {"message": {"role": "user"}, "text_": "other"}


def test_a_missing_column_is_told_with_those_there_are(tmp_path: Path) -> None:
    pl.DataFrame({"title": ["a"], "body": ["b"]}).write_parquet(tmp_path / "a.parquet")
    assert kept(read(tmp_path / "a.parquet", columns={"text": "body"})) == ["b"]
    write(tmp_path / "a.jsonl", b'{"message": {"content": "t"}}')
    told = problems(read(tmp_path / "a.jsonl", columns={"text": "body"}))
    assert told == {"a.jsonl#1": "no 'body' among message, message.content; expected a string"}


def test_a_column_that_no_document_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="no column 'txt'; expected one of text, html, url"):
        Read(paths=str(tmp_path), columns={"txt": "body"})


def test_labels_go_by_the_names_of_files(tmp_path: Path) -> None:
    (tmp_path / "raw/law").mkdir(parents=True)
    write(tmp_path / "raw/law/a.jsonl", b'{"text": "t", "domain": "web"}')
    write(tmp_path / "raw/b.txt", b"u")
    labels = {"*": {"language": "en"}, "law/*": {"domain": "law"}}
    corpus = Store(tmp_path / "store", runner=Inline()).make(Read(paths=str(tmp_path / "raw"), labels=labels))
    rows = corpus.kept(["id", "language", "domain", "meta"]).collect().rows()
    assert rows[0][:3] == ("b.txt#0", "en", None)
    assert rows[1] == ("law/a.jsonl#1", "en", "law", '{"domain": "web"}')
    with pytest.raises(InputError, match=r"labels 'lwa/\*': matches none of the files"):
        Read(paths=str(tmp_path / "raw"), labels={"lwa/*": {"domain": "law"}}).files()
