"""smelt: from raw documents to a language model, and to the plan for it before you pay.

The public names, in the order of the flow. They are imported when first used: `import smelt` is instant, and torch
is loaded only by what trains.

>>> import smelt as sm
>>> store = sm.Store("store")                                                    # doctest: +SKIP
>>> clean = sm.Curate(corpus=sm.Read(paths="dumps/*.warc.gz"), ops=["extract", "gopher"])  # doctest: +SKIP
>>> store.make(clean).ledger()                                                   # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smelt.core.artifact import Artifact as Artifact
    from smelt.core.recipe import Recipe as Recipe
    from smelt.core.step import Step as Step
    from smelt.core.store import Store as Store
    from smelt.core.work import Work as Work
    from smelt.corpus.duplicates.steps import Dedup as Dedup
    from smelt.corpus.steps import Curate as Curate
    from smelt.corpus.steps import Read as Read
    from smelt.evals.steps import ScoreExamples as ScoreExamples
    from smelt.laws.design.ladder import AdaptiveLadder as AdaptiveLadder
    from smelt.laws.steps import FitLaw as FitLaw
    from smelt.plans.steps import MakePlan as MakePlan
    from smelt.runs.steps import Ladder as Ladder
    from smelt.runs.steps import Train as Train
    from smelt.runs.task_steps import TrainTask as TrainTask
    from smelt.tokens.example_steps import TokenizeExamples as TokenizeExamples
    from smelt.tokens.steps import Tokenize as Tokenize
    from smelt.tokens.steps import TrainTokenizer as TrainTokenizer

_HOMES = {
    "smelt.core.artifact": ("Artifact",),
    "smelt.core.recipe": ("Recipe",),
    "smelt.core.step": ("Step",),
    "smelt.core.store": ("Store",),
    "smelt.core.work": ("Work",),
    "smelt.corpus.steps": ("Read", "Curate"),
    "smelt.corpus.duplicates.steps": ("Dedup",),
    "smelt.tokens.steps": ("TrainTokenizer", "Tokenize"),
    "smelt.tokens.example_steps": ("TokenizeExamples",),
    "smelt.runs.steps": ("Train", "Ladder"),
    "smelt.runs.task_steps": ("TrainTask",),
    "smelt.evals.steps": ("ScoreExamples",),
    "smelt.laws.design.ladder": ("AdaptiveLadder",),
    "smelt.laws.steps": ("FitLaw",),
    "smelt.plans.steps": ("MakePlan",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [  # noqa: RUF022  # in the order of the flow
    "Artifact",
    "Recipe",
    "Step",
    "Store",
    "Work",
    "Read",
    "Curate",
    "Dedup",
    "TrainTokenizer",
    "Tokenize",
    "TokenizeExamples",
    "Train",
    "TrainTask",
    "ScoreExamples",
    "Ladder",
    "AdaptiveLadder",
    "FitLaw",
    "MakePlan",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'smelt' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
