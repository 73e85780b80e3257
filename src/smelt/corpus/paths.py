"""Paths in the settings of ops: meant from the recipe's folder, and looked at when the recipe is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationInfo

Find = Callable[[str, Path], str]
"""What a name in a folder stands for; `InputError` where there is nothing of the kind."""


def with_paths(values: Any, info: ValidationInfo, field: str, find: Find) -> Any:
    """An op's settings with what the name, or each of the names, in a field stands for; others as they are."""
    given = cast("Mapping[str, object]", values).get(field) if isinstance(values, dict) else None
    folder = cast("dict[str, Path]", info.context or {}).get("folder", Path())
    if isinstance(given, str):
        return {**values, field: find(given, folder)}
    if isinstance(given, list | tuple):
        return {**values, field: [find(str(name), folder) for name in cast("Sequence[object]", given)]}
    return values
