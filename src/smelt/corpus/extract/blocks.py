"""The blocks of one page after another, described and scored: the kernels, and the memory they share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smelt.corpus.document import Drop
from smelt.corpus.extract.characters import text_classes
from smelt.corpus.extract.choose import FEW, best_cut, choose_of_few
from smelt.corpus.extract.columns import FEATURES, SCORES, SUMS
from smelt.corpus.extract.context import CONTEXT, describe_context
from smelt.corpus.extract.features import describe
from smelt.corpus.extract.model import Model
from smelt.corpus.extract.page import MAX_BLOCKS, MAX_BYTES, MAX_MARKUP, Room
from smelt.corpus.extract.parse import count_markup, parse_page
from smelt.corpus.extract.trees import add_trees


class Blocks:
    """The page at hand: `read` it, then `describe` its blocks, then `score` them."""

    def __init__(self) -> None:
        self.room = Room()
        self.data = np.zeros(0, np.uint8)
        self.n = self.n_elements = 0
        self.sums, self.scores = np.empty(0, SUMS), np.empty(0, SCORES)
        self.rows = np.empty((0, len(FEATURES) + len(CONTEXT)), np.float32)
        self.p = np.empty(0, np.float32)

    def read(self, data: NDArray[np.uint8]) -> Drop | None:
        """Parses a page of valid UTF-8, or says why it does not."""
        n_markup = count_markup(data)
        for size, limit, detail in ((len(data), MAX_BYTES, "bytes"), (n_markup, MAX_MARKUP, "tags")):
            if size > limit:
                return Drop("extract.hostile", size, limit, f"{detail} in one page")
        room = self.room
        room.reserve(len(data), n_markup)
        parse_page(data, text_classes(), room.elements, room.tokens, room.pieces, room.blocks, room.words, room.state)
        self.data, self.n, self.n_elements = data, int(room.state[0]["blocks"]), int(room.state[0]["elements"])
        if self.n > MAX_BLOCKS:
            return Drop("extract.hostile", self.n, MAX_BLOCKS, "blocks of text in one page")
        return None

    def describe(self, model: Model) -> None:
        """Fills the rows of the first stage."""
        self._reserve()
        room = self.room
        describe(
            room.elements, room.tokens, room.blocks, room.words, self.n_elements, self.n, model.markup, model.text,
            self.sums, self.scores, self.rows,
        )  # fmt: skip

    def see_context(self, p: NDArray[np.float32]) -> None:
        """Fills the columns that the second stage sees besides, from probabilities."""
        room = self.room
        describe_context(room.elements, self.n_elements, room.blocks, self.n, self.sums, p, self.rows, len(FEATURES))

    def choose(self, model: Model, *, both_stages: bool) -> NDArray[np.bool_]:
        """Which blocks are main content."""
        if self.n == 0:
            return np.zeros(0, np.bool_)
        self.describe(model)
        add_trees(self.rows, self.n, model.first, self.p)
        cut = model.first_cut
        if both_stages:
            self.see_context(self.p)
            add_trees(self.rows, self.n, model.second, self.p)
            cut = model.second_cut
        keep = self.p[: self.n] >= cut.at(best_cut(self.p, self.room.blocks, self.n))
        if self.n <= FEW:
            blocks = self.room.blocks[: self.n]
            keep |= choose_of_few(self.p[: self.n], blocks, self.sums["inside"][blocks["element"]])
        return keep

    def _reserve(self) -> None:
        if len(self.sums) < self.n_elements:
            self.sums = np.empty(self.n_elements * 5 // 4, SUMS)
        if len(self.rows) < self.n:
            n = self.n * 5 // 4
            self.scores, self.p = np.empty(n, SCORES), np.empty(n, np.float32)
            self.rows = np.empty((n, self.rows.shape[1]), np.float32)
