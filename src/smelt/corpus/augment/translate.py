"""Back-translation: into another language and back, which says the same otherwise (Sennrich et al. 2016).

Who translates is found by name among the entry points of the group `smelt.translators`, since this room knows no torch:
"huggingface" takes any folder of a model that Hugging Face's `transformers` loads (models/translator.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib.metadata import entry_points
from pathlib import Path
from random import Random
from typing import Any, ClassVar, Protocol, cast

from pydantic import Field, JsonValue, ValidationInfo, model_validator

from smelt.core.shards import file_digest
from smelt.corpus.augment.augmentation import Augmentation
from smelt.corpus.paths import with_paths
from smelt.errors import InputError

GROUP = "smelt.translators"
SENTENCE = re.compile(r"[^\n.!?。！？]*[^\W\d_][^\n.!?。！？]*[.!?。！？]*")
"""What is translated by itself: a sentence with a letter in it; all that lies between stays."""


class Translator(Protocol):
    """Translates sentences, and back."""

    def forth(self, sentences: Sequence[str]) -> list[str]:
        """The sentences in the other language."""
        ...

    def back(self, sentences: Sequence[str]) -> list[str]:
        """Sentences of the other language in ours."""
        ...


class BackTranslation(Augmentation):
    """Translates every sentence into another language and back."""

    op: ClassVar[str] = "back-translation"
    forth: str
    """The folder of the model that translates into the other language."""
    back: str
    """The folder of the one that translates back."""
    translator: str = "huggingface"
    """Who loads them: an entry point of the group `smelt.translators`."""
    max_sentence: int = Field(default=500, gt=0)
    """Characters in a sentence; longer ones stay as they are, since models cut them short (taste)."""

    @model_validator(mode="before")
    @classmethod
    def _find(cls, values: Any, info: ValidationInfo) -> Any:
        for field in ("forth", "back"):
            values = with_paths(values, info, field, partial(_model, field=field))
        return values

    def settings(self) -> dict[str, JsonValue]:
        """What the models are, not where they lie."""
        return {
            **self.model_dump(mode="json", exclude={"forth", "back"}),
            "forth": folder_digest(Path(self.forth)),
            "back": folder_digest(Path(self.back)),
        }

    def change_one(self, text: str, rng: Random) -> str:
        """The text, there and back. All of a document's sentences together, and no other's: with others' beside them,
        padding changes the last digits of a model's sums, and what it says could depend on the shards."""
        found = [match for match in SENTENCE.finditer(text) if len(match[0]) <= self.max_sentence]
        if not found:
            return text
        model = load_translator(self.translator, self.forth, self.back)
        changed = model.back(model.forth([match[0].strip() for match in found]))
        return _replaced(text, found, changed)


def _replaced(text: str, found: Sequence[re.Match[str]], changed: Sequence[str]) -> str:
    """The text with what was translated in place; space around a sentence stays, and a sentence lost is kept."""
    out: list[str] = []
    at = 0
    for match, new in zip(found, changed, strict=True):
        old = match[0].strip()
        start = match.start() + match[0].index(old)
        out += [text[at:start], new.strip() or old]
        at = start + len(old)
    return "".join([*out, text[at:]])


@cache
def load_translator(name: str, forth: str, back: str) -> Translator:
    """The translator of that name with these two models; one a process."""
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        raise InputError(
            where=f"translator {name!r}",
            what="there is none of that name",
            expected=f"one of {', '.join(sorted(found))}",
        )
    load = cast("Callable[[Path, Path], Translator]", found[name].load())
    return load(Path(forth), Path(back))


def _model(name: str, folder: Path, *, field: str) -> str:
    path = (folder / name).absolute()
    if not (path / "config.json").is_file():
        expected = "a folder with config.json, weights and tokenizer"
        raise InputError(where=f"{field} {name!r}", what="is no model", expected=expected)
    return str(path)


def folder_digest(folder: Path) -> str:
    """The digests of a folder's files, in the order of their names."""
    return "".join(file_digest(path) for path in sorted(folder.iterdir()) if path.is_file())
