"""A section of the page, and how templates are filled: every value is escaped unless it is markup of our own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from smelt.report.figures import Figure
from smelt.units import format_bytes, format_count, format_seconds

LANGUAGE_TAG = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
"""What may stand in a `lang` attribute: the shape of BCP 47 tags."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page with its place among the stages of the journey."""

    anchor: str
    title: str
    body: Markup
    stage: Stage | None = None
    figures: Sequence[Figure] = ()
    """What `body` draws, in its order: for files without a browser."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A cell of the overview at the top of the page: one number, and what it means."""

    name: str
    number: str | Markup
    note: str


def render(template: str, **values: object) -> Markup:
    """Fills `templates/<template>.html.j2`."""
    return Markup(_environment().get_template(f"{template}.html.j2").render(values))


def read_asset(name: str) -> str:
    """A style sheet or script of templates/."""
    environment = _environment()
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def language_tag(language: str | None) -> str | None:
    """The document's language as a `lang` attribute takes it, where it is known and well-formed."""
    return language if language and LANGUAGE_TAG.fullmatch(language) else None


def format_percent(share: float) -> str:
    """A share for people: `format_percent(0.998)` is '99.8%', `format_percent(0.00312)` is '0.31%'."""
    if share in (0, 1):
        return f"{share:.0%}"
    return f"{100 * share:.1f}%" if share >= 0.01 else f"{100 * share:.2g}%"


def format_integer(value: float) -> str:
    """A whole number with its thousands apart: `format_integer(12345)` is '12,345'."""
    return f"{value:,.0f}"


def counted(value: int, thing: str) -> str:
    """Things counted: '1 document', '3,038 documents'."""
    return f"{format_integer(value)} {thing}{'' if value == 1 else 's'}"


def format_loss(value: float) -> str:
    """Nats or bits to three decimals: runs of one setting differ in the third."""
    return f"{value:.3f}"


def format_flops(value: float) -> str:
    """FLOPs as recipes write them: `format_flops(1.8e14)` is '1.8e14'."""
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("smelt.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    cast("dict[str, Any]", environment.filters).update(
        {
            "count": format_count,
            "flops": format_flops,
            "loss": format_loss,
            "bytes": format_bytes,
            "seconds": format_seconds,
            "integer": format_integer,
            "counted": counted,
            "percent": format_percent,
            "lang": language_tag,
        }
    )
    return environment
