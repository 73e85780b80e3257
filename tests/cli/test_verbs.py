"""Every verb, on a store of toy artifacts: what it prints, with --json and without, and its exit status."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

import smelt.core.recipe
from smelt.core.store import Store
from toy_steps import Count, Square

RECIPE = '[first]\nstep = "count"\nn = 3\n[squares]\nstep = "square"\nnumbers = "first"\n'


@pytest.fixture(autouse=True)
def toy_steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    known = [EntryPoint(name, f"toy_steps:{name.title()}", "smelt.steps") for name in ("count", "square")]
    monkeypatch.setattr(smelt.core.recipe, "entry_points", lambda group: known)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toy.toml").write_text(RECIPE)


@pytest.fixture
def made(store: Store) -> Store:
    """A store in which two generations of the toy recipe were made."""
    for n in (2, 3):
        steps = Count(n=n), Square(numbers=Count(n=n))
        store.remember(
            "toy", [store.make(step, name).ref for step, name in zip(steps, ("first", "squares"), strict=True)]
        )
    return store


def test_run_makes_what_the_recipe_names_and_says_where(smelt_: Any) -> None:
    status, out, err = smelt_("run", "toy.toml", "first.n=4", "--no-report", "--workers", "1")
    assert status == 0
    assert "numbers/squares@" in out
    assert "4 numbers" in err  # progress goes to stderr


def test_run_with_json_prints_one_value_and_remembers_what_it_made(smelt_: Any) -> None:
    _, out, _ = smelt_("run", "toy.toml", "--no-report", "--workers", "1", "--json", "--store", "other")
    value = json.loads(out)
    assert set(value["artifacts"]) == {"first", "squares"}
    assert value["report"] is None
    assert [ref.name for ref in Store("other").remembered()[0].artifacts] == ["first", "squares"]


def test_explain_names_the_field_that_made_it_so(smelt_: Any, made: Store) -> None:
    status, out, _ = smelt_("explain", "toy.toml", "first.n=5", "first.slow=2", "--store", str(made.root))
    assert status == 0
    assert out.splitlines()[0] == "first    again: n 3 -> 5   about 10 s of one core"
    assert out.splitlines()[1].startswith("squares  again: numbers changed")


def test_ls_lists_every_artifact(smelt_: Any, made: Store) -> None:
    _, out, _ = smelt_("ls", "--store", str(made.root), "--json")
    assert sorted(entry["name"] for entry in json.loads(out)) == ["first", "first", "squares", "squares"]
    assert smelt_("ls", "--store", str(made.root))[1].count("numbers/") == 4


def test_show_takes_any_unambiguous_part_of_a_name(smelt_: Any, made: Store) -> None:
    fingerprint = Square(numbers=Count(n=2)).fingerprint
    for reference in ("squares@" + fingerprint[:5], fingerprint[:8], "numbers/squares@" + fingerprint[:12]):
        _, out, _ = smelt_("show", reference, "--store", str(made.root), "--json")
        assert json.loads(out)["fingerprint"] == fingerprint
    _, latest, _ = smelt_("show", "squares", "--store", str(made.root))
    assert Square(numbers=Count(n=3)).fingerprint[:12] in latest


def test_show_of_the_unknown_suggests(smelt_: Any, made: Store) -> None:
    status, _, err = smelt_("show", "square", "--store", str(made.root))
    assert status == 2
    assert "did you mean 'squares'?" in err


def test_diff_shows_configuration_and_numbers(smelt_: Any, made: Store) -> None:
    old, new = (f"first@{Count(n=n).fingerprint[:8]}" for n in (2, 3))
    _, out, _ = smelt_("diff", old, new, "--store", str(made.root))
    assert "identity  n: 2 -> 3" in out
    assert "count     numbers: 2 -> 3   x 1.5" in out


def test_trace_follows_a_document_through_the_last_run(smelt_: Any, made: Store) -> None:
    _, out, _ = smelt_("trace", "2", "--store", str(made.root))
    assert [line.split()[-1] for line in out.splitlines()[1:]] == ["kept", "DROPPED"]


def test_trace_without_a_run_says_what_to_do(smelt_: Any) -> None:
    status, _, err = smelt_("trace", "2")
    assert status == 2
    assert "smelt run RECIPE" in err


def test_gc_touches_nothing_without_yes(smelt_: Any, made: Store) -> None:
    _, out, _ = smelt_("gc", "--store", str(made.root))
    assert "2 folders" in out
    assert "nothing was touched" in out
    assert len(list(made.manifests())) == 4
    smelt_("gc", "--yes", "--store", str(made.root))
    assert {manifest.identity.get("n") for _, manifest in made.manifests()} == {3, None}


def test_doctor_reports_the_machine(smelt_: Any) -> None:
    _, out, _ = smelt_("doctor", "--json")
    assert {"cores", "memory", "disk", "gpu", "versions", "ray"} <= set(json.loads(out))


def test_report_writes_its_figures_into_a_folder_or_nothing_at_all(smelt_: Any, made: Store, tmp_path: Path) -> None:
    asked = ("report", "toy.toml", "--store", str(made.root), "-o", "page.html", "--figures", "figures", "--json")
    status, _, err = smelt_(*asked, "--format", "pdf")
    assert status == 2
    assert "expected svg or png" in err
    assert not (tmp_path / "page.html").exists()
    status, out, _ = smelt_(*asked)
    assert status == 0
    assert json.loads(out) == {"report": "page.html", "figures": []}  # toys have nothing to draw
    assert (tmp_path / "figures").is_dir()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "none.toml"), "there is no such recipe"),
        (("run", "toml.toml", "--workers", "0"), "--workers"),
        (("run", "toy.toml", "--on", "mars"), "expected ray or ray://host:port"),
        (("fly",), "fly"),
        (("run",), "Missing argument"),
        (("report", "toy.toml"), "make it first"),
    ],
)
def test_a_mistake_is_one_message_and_status_2(smelt_: Any, arguments: tuple[str, ...], message: str) -> None:
    status, out, err = smelt_(*arguments)
    assert status == 2
    assert message in err
    assert "Traceback" not in err
    assert out == ""


def test_ctrl_c_says_how_to_go_on(smelt_: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("smelt.cli.run.run_recipe", interrupt)
    status, _, err = smelt_("run", "toy.toml")
    assert status == 130
    assert "the same command" in err


def test_a_fault_of_ours_keeps_its_traceback(smelt_: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(*_: object, **__: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("smelt.cli.run.run_recipe", fault)
    with pytest.raises(ZeroDivisionError, match="ours"):
        smelt_("run", "toy.toml")
