"""A recipe: named steps, from TOML or from Python.

A table of the file is a step: `step` names its class, a string in an input field names another table, everything
else is configuration. Relative paths in a recipe start from the recipe's folder. Overrides (`ladder.seeds=2`,
`ladder.flops+=1.6e12`) change the same fields; there is no second set of knobs.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NoReturn, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from smelt.core.artifact import Artifact
from smelt.core.step import Step, input_fields
from smelt.core.store import Store
from smelt.errors import RecipeError

AnyStep = Step[Artifact]
Table = dict[str, Any]


class Recipe:
    """Steps by name, inputs before what stands on them."""

    def __init__(self, steps: Mapping[str, AnyStep], *, name: str = "recipe") -> None:
        self.name = name
        self.steps = dict(_in_order(steps))

    @staticmethod
    def load(path: Path | str, overrides: Sequence[str] = ()) -> Recipe:
        """Reads and checks a TOML recipe; `RecipeError` says which table, what, and what was expected."""
        path = Path(path)
        tables = _read_tables(path)
        for override in overrides:
            _apply_override(tables, override)
        return Recipe(_Builder(path, tables).build(), name=path.stem)

    def make(self, store: Store) -> dict[str, Artifact]:
        """Makes every step that is not there yet; gives all artifacts by name."""
        return {name: store.make(step, name) for name, step in self.steps.items()}

    def names(self) -> dict[str, str]:
        """The name of every step by its fingerprint."""
        return {step.fingerprint: name for name, step in self.steps.items()}


def step_class(name: str, *, where: str) -> type[AnyStep]:
    """The step class behind a name: entry points of the group `smelt.steps`, so other packages can add theirs."""
    found = {entry.name: entry for entry in entry_points(group="smelt.steps")}
    if name not in found:
        raise RecipeError(
            where=where,
            what=f"there is no step {name!r}{_suggestion(name, found)}",
            expected=f"one of {', '.join(sorted(found))}",
        )
    return cast("type[AnyStep]", found[name].load())


class _Builder:
    """Builds the steps of a recipe's tables, each once, inputs first."""

    def __init__(self, path: Path, tables: dict[str, Table]) -> None:
        self._path, self._tables = path, tables
        self._steps: dict[str, AnyStep] = {}

    def build(self) -> dict[str, AnyStep]:
        for name in self._tables:
            self._build(name, ())
        return self._steps

    def _build(self, name: str, above: tuple[str, ...]) -> AnyStep:
        if name in above:
            cycle = " -> ".join((*above[above.index(name) :], name))
            raise RecipeError(where=self._where(name), what=f"the steps go in a circle: {cycle}")
        if name not in self._steps:
            self._steps[name] = self._validated(name, (*above, name))
        return self._steps[name]

    def _validated(self, name: str, above: tuple[str, ...]) -> AnyStep:
        values = dict(self._tables[name])
        kind = step_class(self._step_name(name, values), where=self._where(name))
        for field, expected in input_fields(kind).items():
            if field in values:
                values[field] = self._inputs(name, field, values[field], expected, above)
        try:
            return kind.model_validate(values, context={"folder": self._path.parent})
        except ValidationError as error:
            self._explain(name, kind, error)

    def _step_name(self, name: str, values: Table) -> str:
        step = values.pop("step", None)
        if isinstance(step, str):
            return step
        raise RecipeError(where=self._where(name), what="says no step", expected='a line such as step = "read"')

    def _inputs(
        self, name: str, field: str, value: object, expected: type[Artifact], above: tuple[str, ...]
    ) -> AnyStep | list[AnyStep]:
        """The step that a field names, or the steps of a list of names."""
        if isinstance(value, list):
            return [self._input(name, field, one, expected, above) for one in cast("list[object]", value)]
        return self._input(name, field, value, expected, above)

    def _input(self, name: str, field: str, value: object, expected: type[Artifact], above: tuple[str, ...]) -> AnyStep:
        where = f"{self._where(name)} {field}"
        if not isinstance(value, str) or value not in self._tables:
            raise RecipeError(
                where=where,
                what=f"there is no table {value!r} in this recipe{_suggestion(str(value), self._tables)}",
                expected=f"the name of a step that makes a {expected.kind}",
            )
        step = self._build(value, above)
        if not issubclass(step.makes, expected):
            raise RecipeError(
                where=where,
                what=f"{value!r} makes a {step.makes.kind}",
                expected=f"the name of a step that makes a {expected.kind}",
            )
        return step

    def _explain(self, name: str, kind: type[AnyStep], error: ValidationError) -> NoReturn:
        details = error.errors()[0]
        raise RecipeError(
            where=self._where(name), what=_problem(kind, details), do=_more(error.error_count())
        ) from error

    def _where(self, name: str) -> str:
        return f"{self._path} [{name}]"


def _read_tables(path: Path) -> dict[str, Table]:
    try:
        tables = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise RecipeError(where=str(path), what="there is no such recipe", expected="a TOML file") from error
    except IsADirectoryError as error:
        raise RecipeError(where=str(path), what="is a folder", expected="a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(where=str(path), what=f"is not TOML: {error}") from error
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise RecipeError(where=f"{path} {name}", what="stands outside any table", expected="[name] above it")
    if not tables:
        raise RecipeError(where=str(path), what="holds no step", expected="tables such as [raw]")
    return tables


def _apply_override(tables: dict[str, Table], override: str) -> None:
    target, equals, text = override.partition("=")
    table, dot, field = target.rstrip("+").strip().partition(".")
    if not (equals and dot and field):
        raise RecipeError(where=override, what="is no override", expected="table.field=value or table.field+=value")
    if table not in tables:
        raise RecipeError(where=override, what=f"the recipe has no table {table!r}{_suggestion(table, tables)}")
    value = _toml_value(text.strip())
    if target.endswith("+"):
        before = tables[table].get(field, [])
        if not isinstance(before, list):
            raise RecipeError(where=override, what=f"{field} is {before!r}", expected="a list to add to")
        value = [
            *cast("list[object]", before),
            *(cast("list[object]", value) if isinstance(value, list) else [value]),
        ]
    tables[table][field] = value


def _toml_value(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text  # a bare word is a string: shells eat quotes


def _problem(kind: type[AnyStep], details: ErrorDetails) -> str:
    path = [str(part) for part in details["loc"]]
    if details["type"] == "extra_forbidden" and len(path) == 1:
        hint = _suggestion(path[0], kind.model_fields)
        return f"{kind.step!r} has no field {path[0]!r}{hint}"
    if details["type"] == "missing" and len(path) == 1:
        return f"{kind.step!r} needs the field {path[0]!r}"
    message = details["msg"].removeprefix("Value error, ")
    return f"{'.'.join(path)}: {message}, got {details['input']!r}" if path else message


def _more(errors: int) -> str | None:
    return f"and {errors - 1} more problems in this table" if errors > 1 else None


def _suggestion(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _in_order(steps: Mapping[str, AnyStep]) -> list[tuple[str, AnyStep]]:
    """Inputs before what stands on them, else as given."""
    place = {step.fingerprint: name for name, step in steps.items()}
    order = (above for step in steps.values() for above in step.upstream())
    names = dict.fromkeys(place[step.fingerprint] for step in order if step.fingerprint in place)
    # Two names for one and the same step: both are kept.
    return [(name, steps[name]) for name in (*names, *(name for name in steps if name not in names))]
