"""Addresses of one page have one canonical form; those of two pages have two."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smelt.corpus.duplicates.urls import canonical_url, url_keys


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://www.Example.org:443/a/../b/?utm_source=x&q=1#top", "example.org/b?q=1"),
        ("http://example.org", "example.org"),
        ("https://example.org/", "example.org"),
        ("http://example.org:8080/", "example.org:8080"),
        ("http://example.org:80/a//", "example.org/a"),
        ("https://user:secret@example.org/a", "example.org/a"),
        ("https://example.org/a?b=2&a=1&fbclid=Z", "example.org/a?a=1&b=2"),
        ("https://example.org/%7euser/%E4%B8%AD", "example.org/~user/%E4%B8%AD"),
        ("https://example.org/中", "example.org/%E4%B8%AD"),
        ("https://example.org/a;jsessionid=1234?x=1", "example.org/a?x=1"),
        ("https://example.org/#!/page", "example.org#!/page"),
        ("https://example.org/a#part", "example.org/a"),
        ("  https://example.org/a \n", "example.org/a"),
        ("https://example.org:99999/", None),
        ("http://[::1/", None),
        ("mailto:a@example.org", None),
        ("", None),
    ],
)
def test_canonical_forms_are_those_of_the_table(url: str, canonical: str | None) -> None:
    assert canonical_url(url) == canonical


@pytest.mark.parametrize(
    "other",
    [
        "https://example.org/B?q=1",
        "https://example.org/b?q=2",
        "https://example.com/b?q=1",
        "http://a.example.org/b?q=1",
    ],
)
def test_other_pages_have_other_keys(other: str) -> None:
    one, two = url_keys(pl.Series(["https://example.org/b?q=1", other]))
    assert one != two


@given(st.text(max_size=60) | st.text(max_size=40).map(lambda text: f"http://example.org/{text}"))
def test_any_text_has_a_form_or_none_and_the_form_is_its_own(url: str) -> None:
    form = canonical_url(url)
    assert form is None or canonical_url(f"https://{form}") == form


def test_what_has_no_url_has_no_key() -> None:
    assert url_keys(pl.Series([None, "", "no url"], dtype=pl.String)) == [None, None, None]
