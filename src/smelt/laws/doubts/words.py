"""Lists and counts in sentences."""

from __future__ import annotations


def counted(count: int, what: str) -> str:
    return f"the {count} {what}" if count > 1 else f"the one run with the {what.removesuffix('es')}"


def listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
