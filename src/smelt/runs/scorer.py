"""A trained run as a `corpus.Scorer`: the perplexity that a model of smelt's gives to documents.

A document is scored as the model was trained: after an end token, in windows as long as its context, each without a
view of the one before. The tokenizer is `tokenizer.json` beside the model, or else the one that its tokens were made
with, found in its store.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from smelt.core.artifact import Manifest, read_manifest
from smelt.core.store import Store
from smelt.errors import InputError
from smelt.models.huggingface import CONFIG, WEIGHTS, load_decoder
from smelt.models.stack import Decoder
from smelt.runs.memory import EVALUATED_TOKENS
from smelt.tokens.encoder import Encoder
from smelt.tokens.tokenizer import Tokenizer
from smelt.tokens.tokens import Tokens

TOKENIZER = "tokenizer.json"
Floats = npt.NDArray[np.float64]


class RunScorer:
    """The model of a run, and its tokenizer."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tokenizer = find_tokenizer(folder)

    @cached_property
    def _model(self) -> Decoder:
        return load_decoder(self._folder).eval()

    @cached_property
    def _encoder(self) -> Encoder:
        return Encoder(self._tokenizer)

    def bits_per_byte(self, texts: pl.Series) -> Floats:
        """The bits that each text takes a byte; NaN where it is empty."""
        known = texts.fill_null("").to_list()
        streams = [np.array([self._encoder.end, *ids], np.int64) for ids in self._encoder.encode_batch(known)]
        bits = text_nats(self._model, streams) / math.log(2)
        sizes = texts.str.len_bytes().fill_null(0).to_numpy()
        return np.divide(bits, sizes, out=np.full(len(bits), np.nan), where=sizes > 0)

    def files(self) -> Sequence[Path]:
        """Shape, weights, tokenizer."""
        return [self._folder / CONFIG, self._folder / WEIGHTS, self._tokenizer]


def open_run(folder: Path) -> RunScorer:
    """The scorer of a run's folder; `InputError` where its tokenizer is not to be found."""
    return RunScorer(folder)


@torch.no_grad()
def text_nats(model: Decoder, streams: Sequence[npt.NDArray[np.int64]]) -> Floats:
    """The nats of each stream of ids, its first aside, which is only what the second follows."""
    context = model.config.context
    windows = [
        (row, ids[at : at + context + 1]) for row, ids in enumerate(streams) for at in range(0, len(ids) - 1, context)
    ]
    windows.sort(key=lambda window: len(window[1]))  # little is then padded
    nats, rows = np.zeros(len(streams)), max(1, EVALUATED_TOKENS // context)
    for first in range(0, len(windows), rows):
        part = windows[first : first + rows]
        np.add.at(nats, [row for row, _ in part], _window_nats(model, [ids for _, ids in part]))
    return nats


def find_tokenizer(folder: Path) -> Path:
    """The `tokenizer.json` of a run or of tokens: beside it, or of the tokenizer that the tokens were made with."""
    if (folder / TOKENIZER).is_file():
        return folder / TOKENIZER
    manifests = {found.fingerprint: (place, found) for place, found in Store(folder.parent.parent).manifests()}
    manifest = read_manifest(folder)
    for kind in (Tokens.kind, Tokenizer.kind):
        if manifest is None or manifest.kind != kind:
            manifest = _input_of(manifest, kind, manifests)
    if manifest is None:
        raise InputError(
            where=str(folder),
            what="its tokenizer is neither beside it nor in its store",
            expected=TOKENIZER,
            do=f"copy the {TOKENIZER} that it was trained with into the folder",
        )
    return manifests[manifest.fingerprint][0] / TOKENIZER


def _window_nats(model: Decoder, windows: Sequence[npt.NDArray[np.int64]]) -> Floats:
    """Of each window the nats of all its tokens but the first. Padding comes last, where nothing sees it."""
    longest = max(map(len, windows))
    ids = torch.from_numpy(np.stack([np.pad(window, (0, longest - len(window))) for window in windows]))
    log_p = torch.log_softmax(model(ids[:, :-1]).float(), dim=-1)
    nats = -log_p.gather(2, ids[:, 1:, None])[:, :, 0].double().numpy()  # (B, T)
    known = np.arange(1, longest) < np.array([[len(window)] for window in windows])
    return np.asarray((nats * known).sum(axis=1), np.float64)


def _input_of(manifest: Manifest | None, kind: str, manifests: dict[str, tuple[Path, Manifest]]) -> Manifest | None:
    if manifest is None:
        return None
    found = [ref.fingerprint for ref in manifest.inputs.values() if ref.kind == kind]
    return manifests[found[0]][1] if found and found[0] in manifests else None
