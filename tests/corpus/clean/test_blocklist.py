"""Documents from listed hosts and addresses fall, by every form that lists have."""

from __future__ import annotations

from pathlib import Path

import pytest

from smelt.corpus.clean.blocklist import Blocklist
from smelt.corpus.document import Document, Drop, as_batch
from smelt.errors import InputError

LIST = """
! Adblock
[Adblock Plus 2.0]
||ads.example^$third-party,document
@@||fine.ads.example^
example.com##.banner
# hosts
0.0.0.0 tracker.example  # why
shop.example/cheap/
https://spam.example
münchen.example
192.0.2.7
"""


@pytest.fixture
def blocklist(tmp_path: Path) -> Blocklist:
    (tmp_path / "ours.txt").write_text(LIST, encoding="utf-8")
    return Blocklist.model_validate({"lists": ["ours.txt"]}, context={"folder": tmp_path})


def drop_of(op: Blocklist, url: str | None) -> Drop | None:
    drop = op.apply(as_batch([Document("f#0", "text", url=url)]))["drop"][0]
    return drop and Drop(**drop)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://ads.example/x", "ads.example"),
        ("http://a.b.ADS.example:8080", "ads.example"),
        ("https://tracker.example.", "tracker.example"),
        ("https://www.shop.example/cheap/shoes?x=1", "shop.example/cheap"),
        ("spam.example/a", "spam.example"),
        ("https://xn--mnchen-3ya.example/", "xn--mnchen-3ya.example"),
        ("https://sub.MÜNCHEN.example/", "xn--mnchen-3ya.example"),
        ("http://192.0.2.7/x", "192.0.2.7"),
    ],
)
def test_listed_places_and_all_below_them_fall(blocklist: Blocklist, url: str, place: str) -> None:
    assert drop_of(blocklist, url) == Drop("blocklist.ours", detail=place)


@pytest.mark.parametrize(
    "url",
    [
        None,
        "https://badads.example/",
        "https://fine.ads.example/",
        "https://shop.example/cheaper",
        "https://example.com/",
        "https://ads.example.org/",
        "http://[bad/",
        "http://1.192.0.2.7.example/",
    ],
)
def test_other_places_stay(blocklist: Blocklist, url: str | None) -> None:
    assert drop_of(blocklist, url) is None


def test_a_folder_of_categories_drops_by_category(tmp_path: Path) -> None:
    for category, name, line in (("adult", "domains", "x.example"), ("games", "urls", "y.example/play")):
        (tmp_path / category).mkdir()
        (tmp_path / category / name).write_text(f"{line}\n")
    op = Blocklist.model_validate({"lists": [str(tmp_path)]})
    assert drop_of(op, "https://www.x.example/") == Drop("blocklist.adult", detail="x.example")
    assert drop_of(op, "https://y.example/play/1") == Drop("blocklist.games", detail="y.example/play")


def test_what_is_in_a_list_is_its_identity_and_where_it_lies_is_not(tmp_path: Path) -> None:
    settings: list[object] = []
    for folder, content in (("a", "x.example"), ("b", "x.example"), ("c", "y.example")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "l.txt").write_text(content)
        settings.append(Blocklist.model_validate({"lists": [str(tmp_path / folder / "l.txt")]}).settings())
    assert settings[0] == settings[1] != settings[2]


@pytest.mark.parametrize("line", ["/banner[0-9]+/", "||*.example^", "two words here", "&ad="])
def test_a_line_that_lists_no_host_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "l.txt"
    path.write_text(f"x.example\n{line}\n")
    with pytest.raises(InputError, match=r"l\.txt:2"):
        drop_of(Blocklist.model_validate({"lists": [str(path)]}), "https://x.example")


def test_a_list_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="no block list"):
        Blocklist.model_validate({"lists": ["/nowhere"]})
