"""`--column`: rows that hold a document's fields under names of their own, on every verb that reads rows."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

STORY = "A miller had three sons, a mill, an ass and a cat; the eldest took the mill, the second the ass"
ROWS = [
    {
        "body": f"{STORY}, and the third the cat, or so it was told in the year {1900 + n}.",
        "link": f"https://example.org/{n}",
        "created": f"{1900 + n}-01-02",
        "tongue": "en",
        "kind": ("tale", "news")[n % 2],
    }
    for n in range(40)
]
PAGE = "<html><body><nav>Home</nav><article><h1>Ore</h1><p>{}</p></article></body></html>"
NAMED = ("--column", "text=body", "--column", "url=link", "--column", "date=created", "--column", "language=tongue")


def lines(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def cells(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def columns(path: Path, rows: list[dict[str, str]]) -> None:
    pl.DataFrame(rows).write_parquet(path)


WRITERS: dict[str, Callable[[Path, list[dict[str, str]]], None]] = {
    "rows.jsonl": lines,
    "rows.csv": cells,
    "rows.parquet": columns,
}


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    lines(tmp_path / "rows.jsonl", ROWS)
    (tmp_path / "evals.jsonl").write_text(json.dumps({"asked": STORY}) + "\n")
    (tmp_path / "votes.toml").write_text('[[function]]\nname = "mill"\nlabel = "tale"\nwords = ["miller"]\n')
    return tmp_path


@pytest.mark.parametrize("name", WRITERS)
def test_rows_of_any_format_are_read_by_the_names_given(smelt_: Any, folder: Path, name: str) -> None:
    WRITERS[name](folder / name, ROWS)
    status, _, errors = smelt_("curate", name, "-o", "out", "--op", "pii", *NAMED)
    assert status == 0, errors
    kept = pl.read_parquet(folder / "out/kept")
    for ours, theirs in (("text", "body"), ("url", "link"), ("date", "created"), ("language", "tongue")):
        assert kept[ours].to_list() == [row[theirs] for row in ROWS]
    assert json.loads(kept["meta"][0]) == {"kind": "tale", "language": "en"}


@pytest.mark.parametrize(
    "verb",
    [
        ("extract", "-o", "out.jsonl"),
        ("curate", "-o", "out", "--op", "pii"),
        ("dedup", "-o", "out", "--against", "old.jsonl"),
        ("decontaminate", "-o", "out", "--evals", "evals.jsonl", "--question-field", "asked", "--action", "mask"),
        ("mix", "-o", "out", "--by", "kind"),
        ("classify", "train", "-o", "judge", "--label", "kind"),
        ("classify", "train", "-o", "judge", "--label", "mine", "--against", "old.jsonl"),
        ("classify", "weak", "-o", "weak.jsonl", "--functions", "votes.toml"),
        ("perplexity", "train", "-o", "lm"),
    ],
    ids=" ".join,
)
def test_every_verb_that_reads_rows_takes_their_names(smelt_: Any, folder: Path, verb: tuple[str, ...]) -> None:
    lines(folder / "old.jsonl", [{"body": f"Another story, told {n} times over."} for n in range(40)])
    status, out, errors = smelt_(*verb, "rows.jsonl", "--column", "text=body")
    assert status == 0, errors
    assert out
    # Without the names there is nothing to read, and what to do is said.
    status, _, errors = smelt_(*verb, "rows.jsonl")
    assert status == 2
    assert "no 'text' among body, link" in errors
    assert "--column text=NAME" in errors


def test_models_score_and_judge_rows_by_their_names(smelt_: Any, folder: Path) -> None:
    named = ("rows.jsonl", "--column", "text=body")
    assert smelt_("classify", "train", *named, "--label", "kind", "-o", "judge")[0] == 0
    assert smelt_("perplexity", "train", *named, "-o", "lm")[0] == 0
    for verb in ("classify", "perplexity"):
        model = {"classify": "judge", "perplexity": "lm"}[verb]
        status, _, errors = smelt_(verb, "score", *named, "--model", model, "-o", f"{verb}-scored")
        assert status == 0, errors
        assert len(pl.read_parquet(folder / f"{verb}-scored/kept")) == len(ROWS)
    assert smelt_("classify", "evaluate", *named, "--model", "judge", "--label", "kind")[0] == 0


def test_labels_are_asked_for_rows_by_their_names(smelt_: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda _: "q")
    status, out, errors = smelt_("classify", "label", "rows.jsonl", "--column", "text=body", "-o", "labels.jsonl")
    assert status == 0, errors
    assert STORY in " ".join(out.split())


def test_a_column_of_pages_is_extracted(smelt_: Any, folder: Path) -> None:
    pages = [{"page": PAGE.format(row["body"]), "text": "a summary", "where": {"link": row["link"]}} for row in ROWS]
    (folder / "pages.jsonl").write_text("".join(json.dumps(page) + "\n" for page in pages))
    named = ("--column", "html=page", "--column", "url=where.link")
    status, _, errors = smelt_("extract", "pages.jsonl", "-o", "out.jsonl", *named)
    assert status == 0, errors
    rows = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    assert [row["url"] for row in rows] == [row["link"] for row in ROWS]
    assert all(
        row["body"] in found["text"] and "Home" not in found["text"] for row, found in zip(ROWS, rows, strict=True)
    )


def test_what_has_no_column_of_ours_keeps_its_name_in_meta(smelt_: Any, folder: Path) -> None:
    named = ("--column", "text=body", "--column", "id=link", "--column", "title=kind", "--column", "author=tongue")
    status, _, errors = smelt_("curate", "rows.jsonl", "-o", "out", "--op", "pii", *named)
    assert status == 0, errors
    kept = pl.read_parquet(folder / "out/kept")
    assert kept["id"][0] == "rows.jsonl#1"
    said = {"id": "https://example.org/0", "title": "tale", "author": "en", "created": "1900-01-02"}
    assert json.loads(kept["meta"][0]) == said


@pytest.mark.parametrize(
    ("named", "told"),
    [
        (("body",), "--column: 'body' is no FIELD=NAME; expected such as text=body"),
        (("text=",), "--column: 'text=' is no FIELD=NAME"),
        (("=body",), "--column: '=body' is no FIELD=NAME"),
        (("text=body", "text=link"), "--column: 'text' is named twice"),
        (("txt=body",), "--column: a document has no column 'txt'; expected one of text, html, url"),
        (("text=body", "html=body"), "both 'text' and 'html' are named"),
        (("text=bdoy",), "no 'bdoy' among body, link"),
        (("text=body", "date=craeted"), "column date = 'craeted': is in none of the records"),
        (("text=body", "source=colour"), "column source = 'colour': is in none of the records"),
    ],
)
def test_a_name_that_is_none_is_one_message(smelt_: Any, named: tuple[str, ...], told: str) -> None:
    options = [part for name in named for part in ("--column", name)]
    status, _, errors = smelt_("curate", "rows.jsonl", "-o", "out", "--op", "pii", *options)
    assert status == 2
    assert told in errors
    assert "Traceback" not in errors


def test_an_empty_input_is_one_message(smelt_: Any) -> None:
    status, _, errors = smelt_("extract", "", "-o", "out")
    assert status == 2
    assert errors.startswith("Error: INPUT: ")
