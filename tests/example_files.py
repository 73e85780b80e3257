"""Documents with answers that a small model can learn: what tasks are tested on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from smelt.corpus.duplicates.steps import Dedup
from smelt.corpus.steps import Read
from smelt.tokens.example_steps import TokenizeExamples
from smelt.tokens.steps import TrainTokenizer

ANIMALS = ["cat", "dog", "fox", "hen", "owl", "pig", "rat", "yak"]
TIERE = ["Katze", "Hund", "Fuchs", "Henne", "Eule", "Schwein", "Ratte", "Yak"]
DEEDS, TATEN = ["sees", "bites", "likes", "hears"], ["sieht", "beisst", "mag", "hoert"]


def write_examples(path: Path, n: int, seed: int) -> Path:
    """Sentences of two animals and a deed: in another language, of a class, of a number, and with a question."""
    rng = np.random.default_rng(seed)
    with path.open("w") as file:
        for i in range(n):
            a, b, deed, times = *rng.integers(8, size=2), rng.integers(4), int(rng.integers(1, 6))
            row = {
                "id": f"{seed}-{i}",
                "text": f"{ANIMALS[a]} {DEEDS[deed]} {ANIMALS[b]} {times} times",
                "german": f"{TIERE[a]} {TATEN[deed]} {TIERE[b]} {times} mal",
                "mood": "kind" if deed == 2 else "cruel" if deed == 1 else "neither",
                "count": str(times),
                "asked": f"who {DEEDS[deed]} ?",
                "who": ANIMALS[a],
            }
            file.write(json.dumps(row) + "\n")
    return path


def some_examples(folder: Path, *, n: int = 600, **fields: object) -> TokenizeExamples:
    """The step that makes them, with held-out ones of their own."""
    train = Read(paths=(str(write_examples(folder / "train.jsonl", n, 0)),))
    held_out = Read(paths=(str(write_examples(folder / "test.jsonl", 60, 1)),))
    unique = Dedup(corpus=train, method="exact", held_out=0.0)
    tokenizer = TrainTokenizer(corpus=unique, fields=("text", "german", "asked"), vocab=320)
    return TokenizeExamples.model_validate(
        {"corpus": unique, "held_out": held_out, "tokenizer": tokenizer, "max_tokens": 40, **fields}
    )
