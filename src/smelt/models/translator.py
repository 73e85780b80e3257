"""Any folder of a Hugging Face model for translation, such as MarianMT (Junczys-Dowmunt et al. 2018), as a
`corpus.augment.translate.Translator`: one folder for the way there, one for the way back.

Nothing is downloaded. Beams are kept and nothing is drawn, so that a text has one translation.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from smelt.errors import InputError

BATCH = 32
"""Sentences at a time."""
BEAMS = 4
"""As Marian's own configurations have it."""
MOST_TOKENS = 256
"""Of a sentence, and of a translation."""
GROWTH, MARGIN = 2, 10
"""A translation has at most so many times the tokens of the longest sentence, and so many more (taste): a model that
repeats itself stops there."""


class HuggingFaceTranslator:
    """Two models, there and back."""

    def __init__(self, forth: Path, back: Path) -> None:
        self._forth, self._back = Direction(forth), Direction(back)

    def forth(self, sentences: Sequence[str]) -> list[str]:
        """The sentences in the other language."""
        return self._forth.translate(sentences)

    def back(self, sentences: Sequence[str]) -> list[str]:
        """Sentences of the other language in ours."""
        return self._back.translate(sentences)


class Direction:
    """A model that translates one way."""

    def __init__(self, folder: Path) -> None:
        try:
            from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
        except ModuleNotFoundError as error:
            raise InputError(
                where=str(folder),
                what="transformers is not installed",
                do="install it: pip install 'smelt[translation]'",
            ) from error
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model: Any = AutoModelForSeq2SeqLM.from_pretrained(folder, local_files_only=True)
        self._model = model.eval()

    def translate(self, sentences: Sequence[str]) -> list[str]:
        """The translations, in order."""
        batches = (list(sentences[start : start + BATCH]) for start in range(0, len(sentences), BATCH))
        return [text for batch in batches for text in self._translate(batch)]

    def _translate(self, sentences: list[str]) -> list[str]:
        inputs = self._tokenizer(sentences, return_tensors="pt", padding=True, truncation=True, max_length=MOST_TOKENS)
        most = min(GROWTH * inputs["input_ids"].shape[1] + MARGIN, MOST_TOKENS)
        wanted = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        with torch.inference_mode():
            ids = self._model.generate(**wanted, num_beams=BEAMS, do_sample=False, max_new_tokens=most)
        return self._tokenizer.batch_decode(ids, skip_special_tokens=True)
