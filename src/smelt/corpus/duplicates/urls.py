"""The canonical form of a URL, under which two addresses are taken for one page.

scheme           http and https are one; left out
user, port       left out where the port is the scheme's own
host             lower case, without a leading "www."
path             percent-escapes of letters, digits and -._~ undone, others in capitals (RFC 3986, 6.2.2); "." and ".."
                 resolved; without a slash at its end
query            parameters in order of name and value, without those that only track (TRACKING)
fragment         left out, but for "#!" (the pages of some older sites are told apart by it)

https://www.Example.org:443/a/../b/?utm_source=x&q=1#top   example.org/b?q=1
"""

from __future__ import annotations

import posixpath
import re
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import polars as pl
from xxhash import xxh3_128_digest

TRACKING = frozenset(
    [
        "fbclid",
        "gclid",
        "gclsrc",
        "dclid",
        "gbraid",
        "wbraid",
        "msclkid",
        "yclid",
        "twclid",
        "igshid",
        "mc_cid",
        "mc_eid",
        "_ga",
        "_gl",
        "_hsenc",
        "_hsmi",
        "mkt_tok",
        "ref_src",
        "spm",
        "scm",
        "from_source",
        "jsessionid",
        "phpsessid",
        "sessionid",
        "sid",
    ]
)
"""Parameters that say who came from where, and change nothing on the page: those of Google, Meta, Microsoft, Yandex,
Twitter, Mailchimp, HubSpot, Marketo, Alibaba, and names of sessions; all that begin with utm_ too."""
PORTS = {"http": 80, "https": 443, "ftp": 21}
RESERVED = "/:@!$&'()*+,;=~-._"
SESSION = re.compile(r";(jsessionid|phpsessid)=[^/?#]*", re.IGNORECASE)


def canonical_url(url: str) -> str | None:
    """The canonical form; None where there is no host, or what is there is no URL."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:  # a bad port, or brackets that do not close: an address like no other
        return None
    host = (parts.hostname or "").rstrip(".").removeprefix("www.")
    if not host:
        return None
    place = host if port in (None, PORTS.get(parts.scheme)) else f"{host}:{port}"
    fragment = f"#{parts.fragment}" if parts.fragment.startswith("!") else ""
    query = _query(parts.query)
    return f"{place}{_path(parts.path)}{'?' if query else ''}{query}{fragment}"


def url_keys(urls: pl.Series) -> list[bytes | None]:
    """The key of each canonical URL: 16 bytes, or None where there is none."""
    forms = (canonical_url(url) if url else None for url in urls)
    return [xxh3_128_digest(form.encode(errors="surrogatepass")) if form else None for form in forms]


def _path(path: str) -> str:
    plain = quote(unquote(SESSION.sub("", path), errors="surrogateescape"), safe=RESERVED, errors="surrogateescape")
    resolved = posixpath.normpath(f"/{plain.lstrip('/')}")
    return resolved.rstrip("/")


def _query(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
    kept = sorted((name, value) for name, value in pairs if not _tracks(name.lower()))
    return urlencode(kept, errors="surrogateescape")


def _tracks(name: str) -> bool:
    return name in TRACKING or name.startswith("utm_")
