"""One job on files: where the results go, what they say, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

PAGE = "<html><body><nav>Home</nav><article><h1>Ore</h1><p>{}</p></article></body></html>"
PROSE = (
    "To be molten, the ore has to be heated with coke, and that takes the furnace of the town a whole day. "
    "What runs out of it first is slag, which nobody wanted until roads were built of it. "
    "The iron comes last, and with it the men of the second shift, who have waited for the glow since noon."
)


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        (tmp_path / f"page-{number}.html").write_text(PAGE.format(f"Number {number}. " + PROSE))
    (tmp_path / "short.txt").write_text("Too short.")
    return tmp_path


def test_extract_writes_the_promised_rows(smelt_: Any, folder: Path) -> None:
    status, _, errors = smelt_("extract", "page-*.html", "-o", "out.jsonl", "--workers", "1")
    assert status == 0, errors
    rows = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == [f"page-{n}.html#0" for n in range(3)]
    assert {"id", "url", "date", "lang", "text"} <= rows[0].keys()
    assert "Home" not in rows[0]["text"]


def test_extract_keeps_what_markup_means_where_it_is_asked_to(smelt_: Any, folder: Path) -> None:
    (folder / "list.html").write_text("<h1>Ores</h1><p>Of iron there are:</p><ul><li>magnetite<li>haematite</ul>")
    status, _, errors = smelt_("extract", "list.html", "-o", "out.jsonl", "--workers", "1", "--markdown")
    assert status == 0, errors
    (row,) = (json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines())
    assert row["text"] == "# Ores\n\nOf iron there are:\n\n- magnetite\n- haematite"


def test_curate_lays_out_what_it_kept_and_what_it_dropped(smelt_: Any, folder: Path) -> None:
    status, out, errors = smelt_("curate", "*.html", "short.txt", "-o", "out", "--op", "extract", "--op", "gopher")
    assert status == 0, errors
    assert "gopher.n_words" in out
    dropped = pl.read_parquet(folder / "out/dropped")
    assert "short.txt#0" in dropped["id"].to_list()
    assert {"kept", "dropped", "ledger.json"} <= {path.name for path in (folder / "out").iterdir()}


def test_what_one_command_wrote_another_reads(smelt_: Any) -> None:
    smelt_("extract", "page-*.html", "-o", "texts")
    status, out, _ = smelt_("curate", "texts", "-o", "again", "--op", "language", "--json")
    assert status == 0
    assert json.loads(out)["counts"]["documents"] == 3


def test_a_folder_of_the_users_is_not_overwritten(smelt_: Any, folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "mine/notes.txt").write_text("keep me")
    status, _, errors = smelt_("extract", "page-*.html", "-o", "mine")
    assert status == 2
    assert "other things in it" in errors
    assert (folder / "mine/notes.txt").read_text() == "keep me"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("extract", "page-*.html", "-o", "x", "--mode", "bset"), "mode"),
        (("curate", "page-*.html", "-o", "x", "--op", "gofer"), "gopher"),
        (("curate", "nothing-*.html", "-o", "x"), "matches no file"),
        (("extract", "page-*.html", "-o", "short.txt"), "is a file"),
    ],
)
def test_a_mistake_is_one_message(smelt_: Any, arguments: tuple[str, ...], told: str) -> None:
    status, _, errors = smelt_(*arguments)
    assert status == 2
    assert told in errors
    assert "Traceback" not in errors


def test_dropped_documents_can_be_read(smelt_: Any) -> None:
    smelt_("curate", "*.html", "short.txt", "-o", "out", "--op", "extract", "--op", "gopher")
    status, out, _ = smelt_("show", "curate", "--drop", "gopher")
    assert status == 0
    assert "Too short." in out
    status, _, errors = smelt_("show", "curate", "--drop", "c4")
    assert status == 2
    assert "gopher" in errors


def test_two_corpora_are_told_apart_by_their_documents(smelt_: Any, folder: Path) -> None:
    smelt_("extract", "page-*.html", "-o", "out")
    name = next((folder / "store/corpus").glob("curate@*")).name
    smelt_("curate", "page-*.html", "-o", "out2", "--op", "extract", "--op", "gopher_repetition")
    other = next(path.name for path in (folder / "store/corpus").glob("curate@*") if path.name != name)
    status, out, _ = smelt_("diff", name, other)
    assert status == 0
    assert "gopher_repetition" in out
    assert f"only in corpus/{name}" in out


def test_the_datasheet_counts_what_is_there(smelt_: Any, folder: Path) -> None:
    smelt_("curate", "*.html", "short.txt", "-o", "out", "--op", "extract", "--op", "language")
    status, out, _ = smelt_("datasheet", "curate", "--json")
    assert status == 0
    sheet = json.loads(out)
    kept = pl.read_parquet(folder / "out/kept")
    assert sheet["documents"] == len(kept)
    assert sheet["bytes"] == kept["text"].str.len_bytes().sum()
    assert sum(row["documents"] for row in sheet["by"]["language"]) == len(kept)
    assert sum(row["documents"] for row in sheet["lengths"]) == len(kept)
    status, out, _ = smelt_("datasheet", "curate", "-o", "sheet.html")
    assert status == 0
    assert "Datasheet" in (folder / "sheet.html").read_text()


def test_the_datasheet_of_a_folder_is_that_of_the_corpus_laid_there(smelt_: Any, folder: Path) -> None:
    smelt_("curate", "*.html", "short.txt", "-o", "out", "--op", "extract", "--op", "language")
    _, stored, _ = smelt_("datasheet", "curate", "--json")
    (folder / "out").rename(folder / "elsewhere")
    status, laid, _ = smelt_("datasheet", "elsewhere", "--json")
    assert status == 0
    assert json.loads(laid) == json.loads(stored)


def test_scores_copies_and_evaluation_items_stand_in_the_datasheet(smelt_: Any, folder: Path) -> None:
    story = "A miller had three sons, a mill, an ass and a cat; the eldest took the mill, the second the ass."
    rows = [
        {"id": str(n), "text": f"{story} Told the {n}th time.", "domain": "tales", "score": n / 10} for n in range(3)
    ]
    rows += [{"id": "x", "text": "Something else altogether, in words that nobody here has used.", "domain": "other"}]
    (folder / "tales.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows, *rows[:2]]))
    (folder / "eval.jsonl").write_text(json.dumps({"question": story}) + "\n")
    smelt_("dedup", "tales.jsonl", "-o", "unique")
    sheet = json.loads(smelt_("datasheet", "unique", "--json")[1])
    assert sum(row["dropped"] for row in sheet["copies"]) == len(pl.read_parquet(folder / "unique/dropped"))
    smelt_("decontaminate", "unique", "--evals", "eval.jsonl", "-o", "fair")
    sheet = json.loads(smelt_("datasheet", "fair", "--json")[1])
    assert [row["found"] for row in sheet["contamination"]] == [1]
    smelt_("perplexity", "train", "tales.jsonl", "-o", "lm")
    status, _, _ = smelt_("perplexity", "score", "tales.jsonl", "--model", "lm", "-o", "scored")
    assert status == 0
    sheet = json.loads(smelt_("datasheet", "scored", "--json")[1])
    scored = pl.read_parquet(folder / "scored/kept")
    means = {row["domain"]: row["mean"] for row in sheet["scores_by_domain"] if row["score"] == "perplexity"}
    for domain, mean in means.items():
        assert mean == pytest.approx(scored.filter(pl.col("domain") == domain)["perplexity"].mean())
    assert means["other"] > means["tales"]


def test_a_classifier_is_trained_judged_and_its_limit_told_as_a_line_of_a_recipe(smelt_: Any, folder: Path) -> None:
    texts = [(f"slag and ore {n}", "iron") for n in range(40)] + [(f"dough and flour {n}", "bread") for n in range(40)]
    rows = [json.dumps({"text": text, "label": label}) + "\n" for text, label in texts]
    (folder / "labelled.jsonl").write_text("".join(rows))
    status, out, _ = smelt_("classify", "train", "labelled.jsonl", "-o", "judge", "--target", "precision=.9")
    assert status == 0
    assert '{ op = "classify", model = "judge", of = "iron", min = ' in out
    status, out, _ = smelt_("classify", "evaluate", "labelled.jsonl", "--model", "judge", "-o", "judged.html")
    assert status == 0
    assert "average precision 1.000" in out
    assert "On whom it errs" in (folder / "judged.html").read_text()
    (folder / "votes.toml").write_text('[[function]]\nname = "oven"\nlabel = "bread"\nwords = ["dough"]\n')
    status, out, _ = smelt_("classify", "weak", "labelled.jsonl", "--functions", "votes.toml", "-o", "weak.jsonl")
    assert status == 0
    assert len((folder / "weak.jsonl").read_text().splitlines()) == 40
    status, _, errors = smelt_("classify", "evaluate", "weak.jsonl", "--model", "judge")
    assert status == 2
    assert "only 'bread'" in errors
