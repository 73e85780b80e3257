"""The main content of a page by the learned extractor: its blocks read, chosen and rendered."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smelt.corpus.document import Drop
from smelt.corpus.extract.blocks import Blocks
from smelt.corpus.extract.characters import text_classes
from smelt.corpus.extract.flow import WRITER
from smelt.corpus.extract.model import Model
from smelt.corpus.extract.render import render


class Extractor:
    """Extracts page after page with one model; `fast` leaves the second stage out."""

    def __init__(self, model: Model, *, fast: bool = False, markdown: bool = False) -> None:
        self._model, self._both_stages, self._markdown = model, not fast, markdown
        self._blocks, self._writer, self._out = Blocks(), np.zeros(1, WRITER), np.empty(1 << 16, np.uint8)

    def main_text(self, page: bytes) -> str | Drop:
        """The main text of a page in UTF-8, "" where there is none."""
        problem = self._read(page)
        if problem is not None:
            return problem
        return self._render(self._blocks.choose(self._model, both_stages=self._both_stages))

    def whole_text(self, page: bytes) -> str | Drop:
        """All that a piece of HTML in UTF-8 says."""
        problem = self._read(page)
        return problem or self._render(np.ones(self._blocks.n, np.bool_))

    def _read(self, page: bytes) -> Drop | None:
        return self._blocks.read(np.frombuffer(page, np.uint8))

    def _render(self, keep: NDArray[np.bool_]) -> str:
        if not keep.any():
            return ""
        blocks, room, writer = self._blocks, self._blocks.room, self._writer
        while True:
            render(
                blocks.data, text_classes(), room.elements, room.pieces, room.blocks, blocks.n_elements, blocks.n, keep,
                self._markdown, self._out, writer,
            )  # fmt: skip
            length = int(writer[0]["at"])
            if length <= len(self._out):
                return self._out[:length].tobytes().decode()
            self._out = np.empty(length * 5 // 4, np.uint8)
