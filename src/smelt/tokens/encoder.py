"""Encoding a corpus: gigatoken's ids wherever they are those of Hugging Face `tokenizers`, forty times as fast.

`tokenizers` is the reference and the format. gigatoken reads the same `tokenizer.json`, remembers the ids of the pieces
it has seen, and is held against the reference: on texts chosen to be hard when it is loaded, and on a sample of every
batch afterwards. Where one id differs, all of that batch and all that follows is encoded by the reference, and said so.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import gigatoken
import numpy as np
from numpy.typing import NDArray

from smelt.tokens.tokenizer import END, encode, end_id, load_bpe

Ids = NDArray[np.uint32]

CHECK_EVERY = 256
"""One document in so many is encoded twice (taste)."""
CHECK_CHARACTERS = 4_000
"""Of a document that is encoded twice, how much."""
HARD_TEXTS = (
    f"{END}a{END}",
    "don't  WON'T\r\n\r\n\t x \u3000 y  ",
    "1234567890 １２３ Ⅷ ½ x²",
    "在1987年，第12條（gòu）：“民法典”。\n",
    "e\u0301 👩‍👩‍👧 \u200d\u202e אב ไทย हिन्दी",
    '{}[]();\n    return `x` != "y"  # …\n',
    "\x00\x07\ufeff\ufffd\U0010ffff",
)
"""What tokenizers are known to differ on: special tokens spelled out, spaces, digits, marks, scripts, control bytes."""


class Encoder:
    """Turns texts into ids, `END` left out.

    >>> Encoder(path).encode_batch(["To be"])                                # doctest: +SKIP
    [array([1204, 318], dtype=uint32)]
    """

    def __init__(self, path: Path) -> None:
        self._reference = load_bpe(path)
        self.end = end_id(self._reference)
        """The id of `END`."""
        self._fast: gigatoken.Tokenizer | None = _load(path)
        self.differs: str | None = None
        """The first text on which the two differed; None as long as there is none."""
        self.encode_batch(HARD_TEXTS, check_every=1)

    def encode_batch(self, texts: Sequence[str], *, check_every: int = CHECK_EVERY) -> list[Ids]:
        """The ids of each text."""
        fast = self._encode_fast(texts, check_every) if self._fast else None
        return fast or [np.array(encode(self._reference, text), np.uint32) for text in texts]

    def _encode_fast(self, texts: Sequence[str], check_every: int) -> list[Ids] | None:
        """The ids as gigatoken has them, or None where a sample of them differs."""
        assert self._fast is not None
        for text in texts[::check_every]:
            if not self._agrees(text[:CHECK_CHARACTERS]):
                self.differs, self._fast = text[:CHECK_CHARACTERS], None
                return None
        return [np.asarray(ids, np.uint32) for ids in self._fast.encode_batch(list(texts), parallel=False)]

    def _agrees(self, text: str) -> bool:
        assert self._fast is not None
        return np.asarray(self._fast.encode(text)).tolist() == encode(self._reference, text)


def _load(path: Path) -> gigatoken.Tokenizer:
    """gigatoken's tokenizer; special tokens are left out of it, so that spelled out in a text they stay text."""
    described = json.loads(path.read_bytes())
    return gigatoken.Tokenizer.from_json(json.dumps({**described, "added_tokens": []}))
