"""The columns of what the first stage sees of a block, by name, and the records that they are computed from."""

from __future__ import annotations

import numpy as np
from numba import from_dtype, types

from smelt.corpus.extract.tags import TAG, TAG_KINDS

CONTAINERS = [
    "nav",
    "header",
    "footer",
    "aside",
    "article",
    "main",
    "form",
    "table",
    "ul",
    "ol",
    "dl",
    "figure",
    "figcaption",
    "blockquote",
    "pre",
    "li",
    "button",
    "label",
    "section",
    "dialog",
    "details",
    "a",
    "p",
    "td",
    "th",
    "dd",
    "summary",
    "fieldset",
    "address",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
]
"""Elements of which a block is told whether it lies in one."""
CONTAINER = np.full(len(TAG_KINDS), -1, np.int64)
CONTAINER[[TAG[name] for name in CONTAINERS]] = range(len(CONTAINERS))
H1 = CONTAINERS.index("h1")
IN_H1, IN_H2, IN_P, IN_LI = (np.uint64(1) << np.uint64(CONTAINERS.index(name)) for name in ("h1", "h2", "p", "li"))
IN_ARTICLE, IN_MAIN, IN_TABLE = (
    np.uint64(1) << np.uint64(CONTAINERS.index(name)) for name in ("article", "main", "table")
)
IN_HEADING = np.uint64(0b111111 << H1)
ANCESTORS = 6
"""Elements around a block that are described, wrappers that hold nothing more left out."""
LONG_WORDS = 25
"""Words from which on a block without many links looks like prose (after jusText, Pomikálek 2011)."""

SUMS = np.dtype(
    [
        ("words", np.float32),  # here and below: in all blocks within
        ("chars", np.float32),
        ("link_chars", np.float32),
        ("blocks", np.float32),
        ("sentence_ends", np.float32),
        ("paragraph_words", np.float32),
        ("score", np.float32),  # by the lexicon: of the element, ...
        ("chain", np.float32),  # ... of it and all around it, their sum, ...
        ("least", np.float32),
        ("most", np.float32),
        ("inside", np.uint64),  # bits: which CONTAINERS it is in
        ("signature", np.uint64),  # of its tag and tokens: elements that look alike
        ("alike", np.float32),  # how many with its signature and its parent
    ]
)
SCORES = np.dtype([("text", np.float32), ("heading", np.float32), ("above", np.float32), ("equals", np.float32)])
"""Of a block: lexicon score of its words, as a heading, of the heading above it; how many blocks have its words."""
SUMMED, SCORED, ROWS = (
    types.Array(from_dtype(SUMS), 1, "C"),
    types.Array(from_dtype(SCORES), 1, "C"),
    types.Array(types.float32, 2, "C"),
)

OWN = [
    "words",
    "chars",
    "link_share",
    "chars_per_word",
    "commas_per_word",
    "sentence_ends",
    "digit_share",
    "capital_share",
    "beyond_ascii",
    "links",
    "breaks",
    "strong_share",
    "own_word_share",
    "ending",
    "beginning",
    "hidden",
]
PLACE = [
    "tag",
    "parent_tag",
    "grandparent_tag",
    "depth",
    "words_before",
    "blocks_before",
    "number",
    "blocks_behind",
    "since_h1",
    "since_heading",
    "heading_level",
    "words_since_heading",
    "heading_of",
]
LEXICAL = [
    "own_score",
    "chain_score",
    "least_score",
    "most_score",
    "parent_score",
    "grandparent_score",
    "text_score",
    "text_mean",
    "above",
    "equals",
]
AROUND = ["alike", "words_share", "link_share", "words_per_block", "sentence_ends", "paragraph_share"]
BESIDE = ["words", "link_share", "text_mean", "kin"]
PAGE = [
    "words",
    "link_share",
    "blocks",
    "long_blocks",
    "paragraph_share",
    "in_article",
    "in_main",
    "h1s",
    "h2s",
    "list_share",
    "table_share",
    "sentence_ends",
    "digit_share",
    "text_mean",
    "chain_mean",
    "chain_most",
    "chain_over_mean",
]
WINDOW = ["text_mean", "words", "link_share"]
WINDOWS = (5, 20)
BESIDES = (-3, -2, -1, 1, 2, 3)
FEATURES: list[str] = [
    *OWN,
    *PLACE,
    *(f"in_{name}" for name in CONTAINERS[:H1]),
    *LEXICAL,
    *(f"around{level}_{name}" for level in range(ANCESTORS) for name in AROUND),
    *(f"beside{step:+}_{name}" for step in BESIDES for name in BESIDE),
    *(f"page_{name}" for name in PAGE),
    *(f"within{reach}_{name}" for reach in WINDOWS for name in WINDOW),
]
