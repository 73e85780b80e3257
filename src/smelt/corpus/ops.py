"""Ops by the names they have in recipes.

    ops = ["extract", { op = "language", keep = ["en", "zh"] }, "gopher", { op = "rules", table = "ours.toml" }]

The name of a table of rules that comes with smelt stands for an op too.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, cast

from smelt.corpus.augment.noise import Noise
from smelt.corpus.augment.paraphrase import Paraphrase
from smelt.corpus.augment.synonyms import Synonyms
from smelt.corpus.augment.translate import BackTranslation
from smelt.corpus.clean.blocklist import Blocklist
from smelt.corpus.clean.edits import C4Lines, Furniture
from smelt.corpus.clean.pii import PersonalData
from smelt.corpus.clean.repair import Repair
from smelt.corpus.clean.rules import TABLES, Rules
from smelt.corpus.clean.words import Words
from smelt.corpus.document import Op
from smelt.corpus.extract.extract import Extract
from smelt.corpus.label.classify import Classify
from smelt.corpus.label.language import Language
from smelt.corpus.label.perplexity import Perplexity

_KINDS = (
    Extract,
    Language,
    Repair,
    Rules,
    C4Lines,
    Furniture,
    PersonalData,
    Blocklist,
    Words,
    Classify,
    Perplexity,
)
_AUGMENTATIONS = (Noise, Synonyms, Paraphrase, BackTranslation)
OPS: dict[str, type[Op]] = {kind.op: kind for kind in (*_KINDS, *_AUGMENTATIONS)}
"""All kinds of ops."""


def rule_tables() -> list[str]:
    """The names of the tables of rules that come with smelt."""
    return sorted(file.name.removesuffix(".toml") for file in TABLES.iterdir())


def parse_op(value: object, *, context: Mapping[str, Any] | None = None) -> Op:
    """An op from its name, from a table with its name under `op`, or from itself; `ValueError` if there is none such.

    `context` is pydantic's: relative paths in an op start from its "folder".
    """
    if isinstance(value, Op):
        return value
    if not isinstance(value, str | Mapping):
        raise ValueError(f"{value!r} is no op; expected a name, or a table with one under 'op'")
    fields = {"op": value} if isinstance(value, str) else dict(cast("Mapping[str, Any]", value))
    name = fields.pop("op", None)
    if name in rule_tables():
        name, fields = "rules", {**fields, "table": name}
    if name not in OPS:
        known = [*OPS, *rule_tables()]
        close = difflib.get_close_matches(str(name), known, n=1)
        suggestion = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"there is no op {name!r}{suggestion}; expected one of {', '.join(known)}")
    return OPS[name].model_validate(fields, context=context)


def ops_identity(ops: tuple[Op, ...]) -> dict[str, Any]:
    """All that decides what ops make, flat: `{"ops": ["language"], "language.keep": ["en", "zh"], ...}`.

    Flat, so that a change is told as the field that made it. An op that stands there again has its number behind its
    name.
    """
    labels = [op.label for op in ops]
    identity: dict[str, Any] = {"ops": labels}
    for place, (label, op) in enumerate(zip(labels, ops, strict=True)):
        again = labels[:place].count(label)
        name = f"{label}#{again + 1}" if again else label
        identity[f"{name}.version"] = op.version
        identity |= {f"{name}.{field}": value for field, value in op.settings().items()}
    return identity
