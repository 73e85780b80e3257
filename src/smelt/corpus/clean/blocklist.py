"""Block lists of domains and addresses: documents from there are dropped.

Lists are files, or folders of them, in the forms that are about:

    ads.example               a host: it and all below it
    shop.example/cheap        an address: it and all below it, by whole parts of the path
    0.0.0.0 ads.example       a hosts file
    ||ads.example^            Adblock's; what stands behind $ is left aside; @@||fine.example^ is an exception
    adult/domains, adult/urls a folder of categories, as the University of Toulouse's lists are

Hosts are compared in lower case and in the letters of the domain name system (`münchen.example` is
`xn--mnchen-3ya.example`). smelt ships no list: whose pages are unwanted is for the reader to say.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, cast
from urllib.parse import urlsplit

import numpy as np
import polars as pl
import xxhash
from numpy.typing import NDArray
from pydantic import Field, JsonValue, ValidationInfo, model_validator

from smelt.core.shards import file_digest
from smelt.corpus.document import Drop, Op, drop_each, is_kept
from smelt.corpus.paths import with_paths
from smelt.errors import InputError

CATEGORY_FILES = "domains", "urls"
COMMENTS = "#", "!", "["
ELEMENTS = "##", "#@#", "#?#", "#$#"
"""Adblock's rules on elements of a page: they block no page."""


class Blocklist(Op):
    """Drops documents from the hosts and addresses of lists as `blocklist.<list>`; those without a URL stay."""

    op: ClassVar[str] = "blocklist"
    lists: tuple[str, ...] = Field(min_length=1)
    """Files and folders."""

    @model_validator(mode="before")
    @classmethod
    def _find(cls, values: Any, info: ValidationInfo) -> Any:
        return with_paths(values, info, "lists", _found)

    def settings(self) -> dict[str, JsonValue]:
        """What is in the lists, not where they lie."""
        files = {f"{label}/{file.name}": file for path in self.lists for label, file in list_files(Path(path))}
        return {"lists": cast("JsonValue", {name: file_digest(file) for name, file in files.items()})}

    def apply(self, batch: pl.DataFrame) -> pl.DataFrame:
        """The batch with drops."""
        blocked = [each for path in self.lists for each in _blocked(path)]
        urls = batch.select(pl.when(is_kept()).then("url")).to_series()
        return drop_each(batch, [None if url is None else self._drop(url, blocked) for url in urls])

    def _drop(self, url: str, blocked: Iterable[Blocked]) -> Drop | None:
        places = list(places_of(url))
        for each in blocked:
            place = each.finds(places)
            if place is not None:
                return Drop(f"{self.op}.{each.label}", detail=place)
        return None


@dataclass(frozen=True, slots=True)
class Blocked:
    """The places of one list, as sorted hashes: eight bytes each, since lists hold millions."""

    label: str
    places: NDArray[np.uint64]
    exceptions: NDArray[np.uint64]

    def finds(self, places: list[str]) -> str | None:
        """The widest of the places that is listed; None where there is none, or an exception is."""
        if any(_holds(self.exceptions, place) for place in places):
            return None
        return next((place for place in places if _holds(self.places, place)), None)


def places_of(url: str) -> Iterator[str]:
    """All that a URL lies in, widest first: the host's domains, and the paths below each.

    >>> list(places_of("https://www.Shop.example/a/b?c=d"))[:5]
    ['example', 'example/a', 'example/a/b', 'shop.example', 'shop.example/a']
    """
    try:
        parts = urlsplit(url if "//" in url else f"//{url}")
        host = to_ascii(parts.hostname or "")
    except ValueError:  # a port or an IPv6 address that is none: such a URL lies nowhere
        return
    labels = host.rstrip(".").split(".")
    path = [part for part in parts.path.split("/") if part]
    domains = [host] if _is_address(host) else [".".join(labels[at:]) for at in reversed(range(len(labels)))]
    for domain in filter(None, domains):
        yield from ("/".join((domain, *path[:depth])) for depth in range(len(path) + 1))


def to_ascii(host: str) -> str:
    """A host in lower case, and in the letters of the domain name system (RFC 3490).

    >>> to_ascii("MÜNCHEN.example")
    'xn--mnchen-3ya.example'
    """
    try:
        return host.lower() if host.isascii() else host.encode("idna").decode().lower()
    except UnicodeError:  # longer than a name may be: nobody's
        return host.lower()


def parse_line(line: str) -> tuple[str, bool] | None:
    """The place that a line lists, and whether it is an exception; None for comments. `ValueError` where it has none.

    >>> [parse_line(line) for line in ("||ads.example^$third-party", "@@||fine.example^", "127.0.0.1 b.example", "# c")]
    [('ads.example', False), ('fine.example', True), ('b.example', False), None]
    """
    line = line.strip()
    if not line or line.startswith(COMMENTS) or any(mark in line for mark in ELEMENTS):
        return None
    is_exception = line.startswith("@@")
    words = line.removeprefix("@@").partition(" #")[0].split()
    if len(words) == 2 and _is_address(words[0]):
        words = words[1:]
    place = words[0].removeprefix("||") if len(words) == 1 else ""
    if words[0].startswith("||"):
        place = place.partition("$")[0].partition("^")[0]
    place = place.partition("://")[2] or place
    host, _, path = place.partition("/")
    if not host or any(mark in place for mark in "*|^$") or any(mark in host for mark in "&=?[("):
        raise ValueError(line)
    return "/".join((to_ascii(host).rstrip("."), *filter(None, path.split("?")[0].split("/")))), is_exception


def list_files(path: Path) -> list[tuple[str, Path]]:
    """The files of a list with their labels: the file's name, or that of the category in a folder of them."""
    if path.is_file():
        return [(path.stem, path)]
    files = sorted(file for name in CATEGORY_FILES for file in path.rglob(name) if file.is_file())
    if not files:
        raise InputError(
            where=str(path),
            what="is no block list",
            expected="a file of hosts, or a folder with files `domains` and `urls` in it",
        )
    return [(file.parent.name, file) for file in files]


def _found(name: str, folder: Path) -> str:
    path = (folder / name).absolute()
    list_files(path)
    return str(path)


@cache
def _blocked(path: str) -> tuple[Blocked, ...]:
    return tuple(read_list(label, file) for label, file in list_files(Path(path)))


def read_list(label: str, file: Path) -> Blocked:
    """The places in a file; `InputError` names the line that holds none."""
    places: dict[bool, list[int]] = {False: [], True: []}
    with file.open(encoding="utf-8", errors="surrogateescape") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                parsed = parse_line(line)
            except ValueError as error:
                expected = "a host, an address, a line of a hosts file, or Adblock's ||host^"
                raise InputError(
                    where=f"{file}:{number}", what=f"lists no host: {line[:80]!r}", expected=expected
                ) from error
            if parsed is not None:
                places[parsed[1]].append(_hash(parsed[0]))
    return Blocked(label, *(np.sort(np.array(places[kind], np.uint64)) for kind in (False, True)))


def _holds(hashes: NDArray[np.uint64], place: str) -> bool:
    key = np.uint64(_hash(place))
    at = int(np.searchsorted(hashes, key))
    return at < len(hashes) and bool(hashes[at] == key)


def _hash(place: str) -> int:
    return xxhash.xxh3_64_intdigest(place.encode(errors="surrogateescape"))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
