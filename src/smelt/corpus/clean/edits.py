"""Edits line by line: what pages carry that is no text, with the rest of the document left as it is.

    c4-lines    C4's rules on lines: sentences with enough words, no notices of scripts, cookies and policies
    furniture   navigation, cookie notices, sharing buttons and lines that a document repeats, English and Chinese

Each op counts the lines that it took in a column, and drops a document of which nothing is left.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import ClassVar

import polars as pl

from smelt.corpus.document import Op, drop_where, is_kept
from smelt.corpus.measures.characters import TERMINALS
from smelt.corpus.measures.measure import MEASURES

LineTest = Callable[[str], bool]

C4_WORDS = 5
"""Words in a line at least (Raffel et al. 2020, 2.2)."""
C4_NOTICES = re.compile(
    r"javascript|terms of use|privacy policy|cookie policy|uses cookies|use of cookies|use cookies", re.IGNORECASE
)
"""What C4 drops a line for; the policies are those of its code."""
CITATION = re.compile(r"\[(?:\d{1,4}|edit|citation needed)\]")
FURNITURE = re.compile(
    r"(?:home|menu|search|share|tweet|like|print|reply|login|log in|sign in|sign up|register|subscribe|next|previous"
    r"|back to top|skip to (?:main )?content|read more|learn more|click here|contact us|about us|all rights reserved"
    r"|facebook|twitter|instagram|linkedin|youtube|pinterest|whatsapp|e-?mail|rss|share (?:on|this|via) .{1,20}"
    r"|首页|菜单|搜索|分享(?:到.{0,8})?|登录|注册|上一篇.{0,40}|下一篇.{0,40}|返回顶部|阅读更多|点击(?:这里|查看更多)|联系我们"
    r"|关于我们|版权所有.{0,40}|微信|微博|打印|收藏|评论|转发|点赞|扫一扫.{0,20}|责任编辑[:：].{0,20}"
    r"|(?:为您|热门|相关|精彩|猜你喜欢|编辑)推荐|热点?新闻|热话题|热门文章|相关阅读|深入阅读|阅读下一篇|加载更多.{0,6}"
    r"|最?[新热]评论|我要(?:跟帖|评论)|\d+ ?跟[贴帖]\d*|举报|字号|已输入\d*|\d{1,2}(?:分钟|小时|天)前"
    r"|返回.{2,6}首页(?: 返回.{2,8})?|[^ ]{2,8}首页 ?>.{2,40}|网友评论仅供其表达个人看法.{0,30}"
    r"|.{0,8}app下载|下载.{0,8}app"
    r"|當前位置.{0,40}|当前位置[:：].{0,40}|您(?:现在的|所在的?)位置[:：].{0,60}|本文来源[:：].{0,20}|来源[:：].{0,12})",
    re.IGNORECASE,
)
"""A whole line of this is furniture; separators and arrows around it aside."""
COOKIES = re.compile(
    r"\b(?:we|this (?:web)?site|our (?:web)?site) uses? (?:.{0,40} )?cookies\b|\baccept (?:all )?cookies\b"
    r"|\bcookie (?:settings|preferences)\b|(?:本站|本网站|我们)使用.{0,10}cookie",
    re.IGNORECASE,
)
AROUND = " \t|·•»«›‹>→←-—/\\*:：[]【】()（）"
REPEATED, REPEATED_CHARACTERS = 3, 120
"""A line that stands in a document so often, and is no longer, is a running head: the first is kept (taste)."""
HEAD = re.compile(r"(?![a-z])[^\W\d_][^{}()\[\]<>=;_\"/\\#*`|]*")
"""What a running head looks like: no line of code, which begin small or hold brackets; 800 of 850 lines repeated in 500
English pages were code."""


class LineEdit(Op):
    """Takes lines out of documents."""

    def apply(self, batch: pl.DataFrame) -> pl.DataFrame:
        """The batch with lines taken out, how many in `<op>_lines`; documents without any left are dropped."""
        texts = batch.select(pl.when(is_kept()).then("text")).to_series()
        edited = [None if text is None else self.edit(text) for text in texts]
        new = pl.Series("text", [None if one is None else one[0] for one in edited], pl.String)
        taken = pl.Series([None if one is None else one[1] for one in edited], dtype=pl.Int64)
        is_empty = new.str.strip_chars().eq("")  # the text of a dropped document stays, to be read
        batch = batch.with_columns(taken.alias(f"{self.op.replace('-', '_')}_lines"))
        batch = drop_where(batch, pl.lit(is_empty), f"{self.op}.empty", detail=pl.lit("no line is left"))
        text = pl.when(is_kept()).then(pl.coalesce(pl.lit(new), "text")).otherwise("text")
        return batch.drop(MEASURES, strict=False).with_columns(text=text)

    def edit(self, text: str) -> tuple[str, int]:
        """The text without its lines of the kind, and how many there were."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it takes")


class C4Lines(LineEdit):
    """Keeps the lines that C4 would: they end like a sentence, have five words, and are no notice.

    Made for English: text without spaces has no words here. Marks of citations, [12], are taken out of the lines.
    """

    op: ClassVar[str] = "c4-lines"
    words: int = C4_WORDS
    """Words in a line at least."""

    def edit(self, text: str) -> tuple[str, int]:
        """C4's lines. Empty lines stay between those that are kept."""
        return _edited(CITATION.sub("", text), self._is_none)

    def _is_none(self, line: str) -> bool:
        ends = line.endswith(tuple(TERMINALS)) and not line.endswith(("...", "…"))
        return not ends or len(line.split()) < self.words or bool(C4_NOTICES.search(line))


class Furniture(LineEdit):
    """Takes out lines that belong to the page and not to the text."""

    op: ClassVar[str] = "furniture"
    version: ClassVar[int] = 2

    def edit(self, text: str) -> tuple[str, int]:
        """The text without furniture; of a short line that is repeated over and over the first is kept."""
        lines = Counter(line.strip() for line in text.split("\n"))
        heads = {line for line, n in lines.items() if n >= REPEATED and len(line) <= REPEATED_CHARACTERS}
        heads = {line for line in heads if HEAD.fullmatch(line)}
        seen: set[str] = set()

        def is_none(line: str) -> bool:
            is_again = line in seen
            if line in heads:
                seen.add(line)
            return is_again or is_furniture(line)

        return _edited(text, is_none)


def is_furniture(line: str) -> bool:
    """Whether a whole line is navigation or a notice of cookies.

    >>> [is_furniture(line) for line in ("» Read more", "Read more books.", "返回顶部", "We use cookies to help you.")]
    [True, False, True, True]
    """
    return bool(FURNITURE.fullmatch(line.strip(AROUND))) or bool(COOKIES.search(line))


def _edited(text: str, is_none: LineTest) -> tuple[str, int]:
    lines = text.split("\n")
    kept = [line for line in lines if not line.strip() or not is_none(line.strip())]
    return ("\n".join(kept).strip("\n") if len(kept) < len(lines) else text), len(lines) - len(kept)
