"""Personal data is masked by kind; numbers that only look like it are left alone."""

from __future__ import annotations

import random

import polars as pl
import pytest

from smelt.corpus.clean.pii import KINDS, PersonalData, is_card, is_chinese_identity, mask_text
from smelt.corpus.document import Document, Drop, as_batch
from smelt.corpus.measures.measure import MEASURES, measure

PII = PersonalData()

# Numbers from standards, test lists of payment networks and documentation ranges: nobody's.
MASKED = {
    "Write to ada.lovelace+ore@example.co.uk.": "Write to <EMAIL>.",
    "联系邮箱：service@example.com，谢谢": "联系邮箱：<EMAIL>，谢谢",
    "身份证号码：11010519491231002X。": "身份证号码：<IDENTITY>。",
    "SSN 078-05-1120 was printed on wallets": "SSN <IDENTITY> was printed on wallets",
    "Card 4111 1111 1111 1111, or 378282246310005": "Card <CARD>, or <CARD>",
    "银行卡号6222020000000000009": None,
    "电话13912345678，或 +86 139-1234-5678": "电话<PHONE>，或 <PHONE>",
    "电话：010-62345678或（0755）28780808": "电话：<PHONE>或<PHONE>",
    "Call (415) 555-2671 or 415-555-2671": "Call <PHONE> or <PHONE>",
    "ring +44 20 7946 0958 today": "ring <PHONE> today",
    "from 52.0.72.176 to 2606:4700:4700:0:0:0:0:1111": "from <IP> to <IP>",
}
LEFT_ALONE = (
    "kernel 2.6.18.6, ~= 1.4.5.0, 3.36.10.0, and the name server 8.8.8.8",
    "git clone git@host.example.com:ada/engine and ssh -4 ada@host.example.com",
    "Python 3.11.7, kernel version 2.6.32.5 and §8.8.4.4",
    "localhost is 127.0.0.1, the printer 192.168.1.20",
    "tricyclo[3.3.1.13,7]decane at 12:30:45",
    "ham[1::3], a[::2] and std::vector",
    "order 4111111111111112 and ISBN 978-3-16-148410-0",
    "身份证号码：110105194912310021",
    "on 2024-03-15 it cost 1,234,567.89 or 20240315",
    "https://weibo.example/3975701825/4383333175501729",
    "user@localhost and @handle and a @ b",
    "pi is 3.14159265358979, e is 2.718281828459045",
    "000-12-3456 and 666-12-3456 and 123-00-4567 are nobody's",
)


def masked(text: str) -> str:
    return PII.apply(as_batch([Document("f#0", text)]))["text"][0]


@pytest.mark.parametrize(("text", "expected"), [pair for pair in MASKED.items() if pair[1]])
def test_what_is_personal_is_masked(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_what_only_looks_so_is_left_alone(text: str) -> None:
    assert masked(text) == text


def test_union_pay_cards_are_known_by_luhn() -> None:
    body = "622202000000000000"
    right = next(f"{body}{check}" for check in range(10) if luhn(f"{body}{check}"))
    assert masked(f"银行卡号{right}，户名") == "银行卡号<CARD>，户名" or masked(f"卡号 {right}") == "卡号 <CARD>"
    wrong = right[:-1] + str((int(right[-1]) + 1) % 10)
    assert masked(f"卡号 {wrong}") == f"卡号 {wrong}"


def luhn(number: str) -> bool:
    """By the standard's words: from the right, every second digit doubled, the digits of all added."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        for part in str(int(digit) * (1 + place % 2)):
            total += int(part)
    return total % 10 == 0


def test_one_card_number_in_ten_is_right() -> None:
    chance = random.Random(0)
    numbers = ["4" + "".join(str(chance.randrange(10)) for _ in range(15)) for _ in range(2_000)]
    assert [is_card(number) for number in numbers] == [luhn(number) for number in numbers]


def test_one_check_character_in_eleven_is_right() -> None:
    assert [is_chinese_identity(f"11010519491231002{check}") for check in "0123456789X"] == [False] * 10 + [True]
    assert not is_chinese_identity("110105194913310028")


def test_counts_are_columns_and_measures_go() -> None:
    batch = as_batch([Document("f#0", "a@example.org, b@example.org"), Document("f#1", "nothing", drop=Drop("x.y"))])
    batch = batch.with_columns(measure(batch["text"]))
    done = PII.apply(batch)
    assert done["pii_email"].to_list() == [2, None]
    assert done["text"].to_list() == ["<EMAIL>, <EMAIL>", "nothing"]
    assert not set(MEASURES) & set(done.columns)


def test_hints_miss_nothing_that_patterns_find() -> None:
    for text in MASKED:
        for kind in KINDS:
            if mask_text(text, kind)[1]:
                assert pl.Series([text]).str.contains(kind.hint).all()


@pytest.mark.parametrize("text", ["1" * 100_000, "1-" * 50_000, "a." * 50_000 + "@", ":" * 100_000, "+1 (" * 25_000])
def test_long_runs_end(text: str) -> None:
    assert isinstance(masked(text), str)
