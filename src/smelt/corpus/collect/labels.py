"""Languages and domains that the user gives to files by their names: `{"law/*": {language = "zh", domain = "law"}}`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import reduce
from typing import cast

from pydantic import BaseModel, ConfigDict

from smelt.corpus.collect.sources import SourceFile
from smelt.corpus.document import Document
from smelt.errors import InputError


class Label(BaseModel):
    """What is said of all documents of some files; it goes before what they say themselves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: str | None = None
    domain: str | None = None

    def __or__(self, other: Label) -> Label:
        """Both; where both say something, the other."""
        return Label(language=other.language or self.language, domain=other.domain or self.domain)


def label_of(name: str, labels: Mapping[str, Label]) -> Label:
    """What all patterns that match a file's name say of it, the later ones before the earlier.

    >>> label_of("law/a.txt", {"*": Label(language="en"), "law/*": Label(domain="law")})
    Label(language='en', domain='law')
    """
    return reduce(Label.__or__, (label for pattern, label in labels.items() if fnmatchcase(name, pattern)), Label())


def with_label(documents: Iterable[Document], label: Label) -> Iterator[Document]:
    """The documents under the label; what they said of themselves, and is another thing, stays in `meta`."""
    for document in documents:
        language, domain = label.language or document.language, label.domain or document.domain
        said = {
            name: before
            for name, before, now in (("lang", document.language, language), ("domain", document.domain, domain))
            if before and before != now
        }
        meta = document.meta
        if said:
            known = cast("dict[str, object]", json.loads(meta or "{}"))
            meta = json.dumps({**said, **known}, ensure_ascii=False, sort_keys=True)
        yield replace(document, language=language, domain=domain, meta=meta)


def check_labels(labels: Mapping[str, Label], files: Iterable[SourceFile]) -> None:
    """`InputError` where a pattern matches no file: it is misspelt."""
    names = [file.name for file in files]
    for pattern in labels:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise InputError(
                where=f"labels {pattern!r}",
                what="matches none of the files",
                expected=f"a pattern of names such as {names[0]!r}",
                do="names begin below what is fixed of a path; * matches / too",
            )
