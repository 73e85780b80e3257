"""What looks into corpora: dropped documents to read, two corpora side by side, the datasheet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl
from pydantic import JsonValue

from smelt.cli.artifacts import find_manifest
from smelt.core.artifact import Manifest, read_manifest
from smelt.core.shards import write_whole
from smelt.core.store import Store
from smelt.corpus.corpus import Corpus
from smelt.corpus.datasheet import datasheet
from smelt.corpus.differences import OnlyIn, only_in
from smelt.corpus.document import Drop
from smelt.errors import InputError

EXCERPT = 400
"""Characters of a document that are printed."""


def show_dropped(reference: str, reason: str, n: int, *, store: Path, as_json: bool) -> None:
    """Prints some of the documents that a corpus dropped for a reason (or for any that begins so)."""
    corpus = find_corpus(Store(store), reference)
    reasons = _reasons(corpus)
    matching = [name for name in reasons if name == reason or name.startswith(f"{reason}.")]
    if not matching:
        known = ", ".join(reasons) or "nothing"
        raise InputError(where=str(corpus.ref), what=f"dropped nothing for {reason!r}", expected=f"one of: {known}")
    each = -(-n // len(matching))
    documents = pl.concat([corpus.sample(each, seed=0, dropped_for=name) for name in matching]).head(n)
    if as_json:
        print(json.dumps([_row(row) for row in documents.iter_rows(named=True)], ensure_ascii=False, default=str))
        return
    print(", ".join(f"{name}: {reasons[name]:,} documents" for name in matching))
    for row in documents.iter_rows(named=True):
        print(f"\n{row['id']}  {Drop(**row['drop']).why}\n{_excerpt(row['text'])}")


def diff_documents(before: str, after: str, *, store: Path, as_json: bool) -> None:
    """Prints what each of two corpora keeps that the other does not; nothing where either is something else."""
    opened = Store(store)
    found = [find_manifest(opened, reference) for reference in (before, after)]
    if any(manifest.kind != Corpus.kind for _, manifest in found) or as_json:
        return
    one, other = (Corpus(folder, manifest) for folder, manifest in found)
    _print_only(f"only in {one.ref}", only_in(one, other))
    _print_only(f"only in {other.ref}", only_in(other, one))


def write_datasheet(reference: str, output: Path | None, *, store: Path, as_json: bool) -> None:
    """Writes the datasheet of a corpus as HTML, or prints it as JSON."""
    from smelt.report.datasheet import sheet_section
    from smelt.report.page import render_page

    opened = Store(store)
    corpus = find_corpus(opened, reference)
    sheet = datasheet(lineage(opened, corpus))
    if as_json:
        print(sheet.model_dump_json())
        return
    page = output or opened.root / "reports" / f"datasheet-{corpus.ref.name}-{corpus.ref.fingerprint[:12]}.html"
    html = render_page([sheet_section(sheet)], title=f"Datasheet of {corpus.ref.name}", made=corpus.manifest.started)
    with write_whole(page) as path:
        path.write_text(html)
    print(page)


def find_corpus(store: Store, reference: str) -> Corpus:
    """The corpus of that name, or in that folder; `InputError` where it is none."""
    laid = Path(reference)
    manifest = read_manifest(laid) if laid.is_dir() else None
    folder, manifest = (laid, manifest) if manifest else find_manifest(store, reference)
    if manifest.kind != Corpus.kind:
        raise InputError(where=reference, what=f"is a {manifest.kind}", expected="a corpus", do="see: smelt ls")
    return Corpus(folder, manifest)


def lineage(store: Store, corpus: Corpus) -> list[Corpus]:
    """A corpus and those that it was made from, the first one first."""
    every = {manifest.fingerprint: (folder, manifest) for folder, manifest in store.manifests()}
    found: dict[str, tuple[Path, Manifest]] = {}
    waiting = [(corpus.folder, corpus.manifest)]
    while waiting:
        folder, manifest = waiting.pop()
        found[manifest.fingerprint] = (folder, manifest)
        sources = [ref.fingerprint for ref in manifest.inputs.values() if ref.kind == Corpus.kind]
        waiting += [every[name] for name in sources if name in every and name not in found]
    return [Corpus(folder, manifest) for folder, manifest in reversed(found.values())]


def _reasons(corpus: Corpus) -> dict[str, int]:
    return {reason: amount["documents"] for entry in corpus.ledger() for reason, amount in entry["dropped"].items()}


def _row(row: dict[str, object]) -> dict[str, object]:
    return {name: row[name] for name in ("id", "url", "drop", "text")}


def _print_only(title: str, found: OnlyIn) -> None:
    print(f"\n{title}: {found.documents:,} documents, {found.bytes:,} bytes")
    for reason, documents in found.reasons.items():
        print(f"  {reason:<32} {documents:>10,}")
    _print_samples(found.samples.select("id", "reason", "text").rows())


def _print_samples(rows: Sequence[tuple[str, str, str]]) -> None:
    for document, reason, text in rows:
        print(f"\n  {document}  ({reason})\n  {_excerpt(text)}")


def _excerpt(text: str) -> JsonValue:
    words = " ".join(text[: 4 * EXCERPT].split())
    words = "".join(character if character.isprintable() else "\ufffd" for character in words)  # no terminal is steered
    return words if len(words) <= EXCERPT else f"{words[:EXCERPT]} …"
