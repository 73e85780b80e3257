"""Archives, books and tables are read member by member and row by row; hostile ones cost themselves alone."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest
import zstandard

from source_files import kept, problems, read

PAGE = "<html><body><p>Ore and slag.</p></body></html>"


def zipped(members: dict[str, bytes | str]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return held.getvalue()


def tarred(members: dict[str, bytes], *, mode: str = "w") -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return held.getvalue()


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


MEMBERS = {"a.html": PAGE.encode(), "b/c.jsonl": b'{"text": "one"}\n{"text": "two"}\n', "b/logo.png": b"\x89PNG"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.zip", zipped(MEMBERS)),
        ("x.tar", tarred(MEMBERS)),
        ("x.tgz", tarred(MEMBERS, mode="w:gz")),
        ("x.tar.gz", tarred(MEMBERS, mode="w:gz")),
        ("x.tar.bz2", tarred(MEMBERS, mode="w:bz2")),
        ("x.tar.zst", zstandard.compress(tarred(MEMBERS))),
    ],
)
def test_members_are_read_by_their_own_names(tmp_path: Path, name: str, content: bytes) -> None:
    documents = read(write(tmp_path / name, content))
    assert [document.id for document in documents] == [f"{name}/a.html#0", f"{name}/b/c.jsonl#1", f"{name}/b/c.jsonl#2"]
    assert [document.format for document in documents] == ["html", "text", "text"]


def test_archives_inside_one_another_have_a_depth(tmp_path: Path) -> None:
    content = zipped({"deep.txt": "down here"})
    for depth in range(5):
        content = zipped({f"{depth}.zip": content, f"{depth}.txt": f"at {depth}"})
    documents = read(write(tmp_path / "x.zip", content))
    assert kept(documents) == ["at 2", "at 3", "at 4"]
    assert "deep" in str(problems(documents))


@pytest.mark.parametrize("name", ["../../etc/cron.txt", "/etc/passwd.txt", "a/../../b.txt", "C:\\x.txt", "..\\x.txt"])
def test_names_that_climb_out_are_unreadable(tmp_path: Path, name: str) -> None:
    documents = read(write(tmp_path / "x.zip", zipped({name: "evil", "good.txt": "good"})))
    assert kept(documents) == ["good"]
    assert "climbs out" in str(problems(documents))


def test_a_bomb_is_unreadable_and_the_rest_is_read(tmp_path: Path) -> None:
    bomb = zipped({"bomb.txt": b"0" * (80 * 2**20), "good.txt": "good"})
    assert len(bomb) < 200_000
    documents = read(write(tmp_path / "x.zip", bomb))
    assert kept(documents) == ["good"]
    assert "a bomb" in str(problems(documents))


def test_links_are_unreadable(tmp_path: Path) -> None:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        link = tarfile.TarInfo("link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    documents = read(write(tmp_path / "x.tar", held.getvalue()))
    assert problems(documents) == {"x.tar/link.txt#0": "is a link or a device, not a file"}


@pytest.mark.parametrize(
    ("name", "whole"), [("x.zip", zipped(MEMBERS)), ("x.tgz", tarred(MEMBERS, mode="w:gz")), ("x.epub", zipped({}))]
)
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_shortened_archive_says_so(tmp_path: Path, name: str, whole: bytes, share: float) -> None:
    documents = read(write(tmp_path / name, whole[: int(len(whole) * share)]))
    assert problems(documents)


def test_a_table_is_read_row_by_row(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b'text,url,n\n"one, two\nlines",u,1\nthree,v,2\nfour\n')
    documents = read(path)
    assert kept(documents) == ["one, two\nlines", "three"]
    assert documents[0].url == "u"
    assert json.loads(documents[0].meta or "") == {"n": "1"}
    assert "a row of 1 fields, where the first line names 3" in str(problems(documents)["a.csv#3"])


@pytest.mark.parametrize(("name", "mark"), [("a.tsv", "\t"), ("a.csv", ";"), ("a.csv", "\t")])
def test_other_marks_between_fields_are_seen(tmp_path: Path, name: str, mark: str) -> None:
    assert kept(read(write(tmp_path / name, f"url{mark}text\nu{mark}one, two\n".encode()))) == ["one, two"]


def test_a_row_that_is_no_utf8_is_unreadable_alone(tmp_path: Path) -> None:
    documents = read(write(tmp_path / "a.csv", b"text\nGr\xfc\xdfe\nfine\n"))
    assert kept(documents) == ["fine"]


BOOK = {
    "mimetype": "application/epub+zip",
    "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
    "OPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
    "<dc:title>Of Iron</dc:title><dc:creator>A. Smith</dc:creator><dc:date>1867</dc:date><dc:language>en</dc:language>"
    '</metadata><manifest><item id="two" href="two%20.xhtml"/><item id="one" href="one.xhtml"/></manifest>'
    '<spine><itemref idref="one"/><itemref idref="two"/></spine></package>',
    "OPS/one.xhtml": "<html><body><h1>One</h1><p>Ore.</p></body></html>",
    "OPS/two .xhtml": "<html><body><h1>Two</h1><p>Slag.</p></body></html>",
}


def test_a_book_is_one_document_in_the_order_of_its_spine(tmp_path: Path) -> None:
    [book] = read(write(tmp_path / "iron.epub", zipped(dict(BOOK))))
    assert book.text.split() == ["One", "Ore.", "Two", "Slag."]
    assert (book.date, book.language) == ("1867", "en")
    assert json.loads(book.meta or "")["title"] == "Of Iron"


def test_a_book_without_a_package_is_unreadable(tmp_path: Path) -> None:
    broken = {name: content for name, content in BOOK.items() if "opf" not in name}
    documents = read(write(tmp_path / "iron.epub", zipped(dict(broken))))
    assert "not an EPUB" in str(problems(documents))
