"""Personal data: e-mail and IP addresses, telephone numbers, identity numbers and bank cards, masked by kind.

Every kind has a pattern that finds candidates and a check that tells which of them are what they look like: checksums
of Chinese identity numbers (GB 11643, ISO 7064 MOD 11-2) and bank cards (Luhn, ISO/IEC 7812), ranges that were
assigned, addresses that the whole network can reach. A number without its check is left alone: versions, prices and
catalogues are full of digits. All repetitions in the patterns are bounded, so that time grows with the text alone.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

import polars as pl

from smelt.corpus.document import Op, is_kept
from smelt.corpus.measures.measure import MEASURES

IDENTITY_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
IDENTITY_CHECKS = "10X98765432"
"""GB 11643-1999: the check character by the weighted sum modulo 11."""
BORN = 1900, 2100
VERSION = re.compile(r"(?:\b(?:v|ver|version|release|rev|build|section|chapter|oid)\.?|§|第)\s*$", re.IGNORECASE)
"""What stands before four numbers that are no address."""
LIKE_VERSIONS = 40
"""Four numbers that are all below are a version, or the address of a name server that all the world knows: of addresses
drawn at random one in 1,700 is so; of 16 found in technical texts without this 9 were versions."""
REMOTE = re.compile(r"\b(?:ssh|scp|sftp|rsync)\s(?:-\S+ )*$")
"""What stands before a user and a host that are no e-mail address."""
GROUPS = 4
"""Of an IPv6 address, at least: "1::2" is a slice of a list more often than a network (taste)."""
BEFORE = 12
"""Characters before a candidate that are looked at."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of personal data."""

    name: str
    hint: str
    """What any text with one contains: a pattern of Rust's `regex`, which decides quickly that most have none."""
    pattern: re.Pattern[str]
    holds: Callable[[re.Match[str]], bool]
    """Whether a candidate is one."""

    @property
    def mask(self) -> str:
        """What is put in its place."""
        return f"<{self.name.upper()}>"


class PersonalData(Op):
    """Masks personal data as `<EMAIL>`, `<CARD>` and so on, and counts it by kind in columns `pii_email` ..."""

    op: ClassVar[str] = "pii"
    version: ClassVar[int] = 2
    kinds: tuple[str, ...] = ("email", "identity", "card", "phone", "ip")
    """What is looked for."""

    def apply(self, batch: pl.DataFrame) -> pl.DataFrame:
        """The batch with masks in its texts; the texts of dropped rows are left as they are."""
        texts = batch.select(pl.when(is_kept()).then("text")).to_series()
        counts: dict[str, pl.Series] = {}
        for kind in KINDS:
            if kind.name in self.kinds:
                texts, found = mask_kind(texts, kind)
                counts[f"pii_{kind.name}"] = found
        batch = batch.drop(MEASURES, strict=False)
        return batch.with_columns(text=pl.coalesce(texts, "text"), **counts)


def mask_kind(texts: pl.Series, kind: Kind) -> tuple[pl.Series, pl.Series]:
    """The texts with one kind masked, and how many there were in each; null where the text is null."""
    has_hint = texts.str.contains(kind.hint)
    masked = [mask_text(text, kind) if likely else (text, 0) for text, likely in zip(texts, has_hint, strict=True)]
    new = pl.Series(texts.name, [text for text, _ in masked], pl.String)
    found = pl.Series([None if text is None else n for text, n in masked], dtype=pl.Int64)
    return new, found


def mask_text(text: str, kind: Kind) -> tuple[str, int]:
    """The text with all of one kind masked, and how many there were.

    >>> mask_text("Write to ada@example.org.", KINDS[0])
    ('Write to <EMAIL>.', 1)
    """
    found = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal found
        if not kind.holds(match):
            return match[0]
        found += 1
        return kind.mask

    return kind.pattern.sub(replace, text), found


def is_chinese_identity(number: str) -> bool:
    """Whether 18 characters are a resident identity number: a day of birth that was, and the check character."""
    year, month, day = int(number[6:10]), int(number[10:12]), int(number[12:14])
    total = sum(int(digit) * weight for digit, weight in zip(number, IDENTITY_WEIGHTS, strict=False))
    return (
        BORN[0] <= year < BORN[1] and _is_date(year, month, day) and IDENTITY_CHECKS[total % 11] == number[17].upper()
    )


def is_card(number: str) -> bool:
    """Whether digits are a card's: of an issuer that numbers so long, and right by Luhn's sum."""
    digits = [int(digit) for digit in number if digit.isdigit()]
    doubled = [2 * digit - 9 * (digit > 4) for digit in digits[-2::-2]]
    return bool(ISSUERS.fullmatch("".join(map(str, digits)))) and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


ISSUERS = re.compile(r"4\d{12}(?:\d{3})?|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|62\d{14,17}|6(?:011|5\d\d)\d{12}")
"""Visa, Mastercard (both ranges), American Express, UnionPay, Discover."""


def _identity(match: re.Match[str]) -> bool:
    return is_chinese_identity(match[0]) if "-" not in match[0] else True


def _email(match: re.Match[str]) -> bool:
    """Whether an address is for mail: git@host:path and `ssh user@host` are not."""
    before, behind = (
        match.string[max(match.start() - BEFORE, 0) : match.start()],
        match.string[match.end() : match.end() + 2],
    )
    return not REMOTE.search(before) and not re.fullmatch(r":[\w~/]", behind)


def _address(match: re.Match[str]) -> bool:
    """Whether an address is valid and anybody's: 192.168.0.1 is everybody's, and 2.6.32.5 behind "version" is none."""
    before = match.string[max(match.start() - BEFORE, 0) : match.start()]
    if ":" in match[0] and sum(map(bool, match[0].split(":"))) < GROUPS:
        return False
    try:
        address = ipaddress.ip_address(match[0])
    except ValueError:
        return False
    is_version = address.version == 4 and max(address.packed) < LIKE_VERSIONS
    return address.is_global and not is_version and not VERSION.search(before)


def _phone(match: re.Match[str]) -> bool:
    digits = sum(character.isdigit() for character in match[0])
    return 8 <= digits <= 15  # ITU-T E.164: fifteen at most


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


EMAIL = r"(?<![\w.+-])[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,6}[A-Za-z]{2,24}(?![\w-])"
IDENTITY = (
    r"(?<![0-9A-Za-z])[1-8][0-9]{16}[0-9Xx](?![0-9A-Za-z])",  # Chinese
    # US social security numbers; areas, groups and serials that are never given are left out.
    r"(?<![\w-])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![\w-])",
)
CARD = r"(?<![\w.=/-])[2-6][0-9]{3}(?:[ -]?[0-9]{3,6}){2,4}(?![0-9A-Za-z-]|\.[0-9])"
FRONT, BACK = r"(?<![\w.+/-])", r"(?![\w/-]|\.[0-9])"
PHONE = (
    r"(?:\+?86[ -]?)?1[3-9][0-9](?:[ -]?[0-9]{4}){2}",  # Chinese mobile
    r"(?:\(0[0-9]{2,3}\) ?|（0[0-9]{2,3}）|0[0-9]{2,3}-)[2-9][0-9]{6,7}",  # Chinese landline
    r"(?:\+?1[ .-])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[.-])[2-9][0-9]{2}[.-][0-9]{4}",  # North American
    r"\+[1-9][0-9]{0,2}(?:[ .-]?\(?[0-9]{1,4}\)?){2,5}",  # anywhere else
)
ADDRESS = (
    r"(?<![\w.:-])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w-]|[.,][0-9])",  # not [3.3.1.13,7], which is chemistry
    r"(?<![\w.:])(?:[0-9A-Fa-f]{1,4}:|:){2,7}(?:[0-9A-Fa-f]{1,4})?(?![\w:])",
)


def _any(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.ASCII)


KINDS = (
    Kind("email", r"@", _any((EMAIL,)), _email),
    Kind("identity", r"[0-9]{17}[0-9Xx]|[0-9]{3}-[0-9]{2}-[0-9]{4}", _any(IDENTITY), _identity),
    Kind("card", r"[0-9]{4}[ -]?[0-9]{4,6}[ -]?[0-9]{3}", _any((CARD,)), lambda match: is_card(match[0])),
    Kind("phone", r"[0-9]{4}", _any(tuple(f"{FRONT}{pattern}{BACK}" for pattern in PHONE)), _phone),
    Kind("ip", r"[0-9](?:\.[0-9]{1,3}){3}|:[0-9A-Fa-f]{0,4}:", _any(ADDRESS), _address),
)
"""All kinds, in the order in which they are masked: what could be two of them is the first."""
