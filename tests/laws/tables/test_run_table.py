"""Anyone's table becomes a run table, or a message that says what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from planted_runs import QUICK, ladder
from smelt.core.store import Store
from smelt.errors import InputError
from smelt.laws.derive import derive_law
from smelt.laws.forms import FORMS
from smelt.laws.points import Points
from smelt.laws.steps import ExistingRuns
from smelt.laws.tables.cells import numbers_of
from smelt.laws.tables.columns import Columns, header_unit
from smelt.laws.tables.read import read_frame
from smelt.laws.tables.run_table import Table, check_enough, run_table
from smelt.laws.tables.selection import Selection

SIZES, TOKENS, LOSSES = [1e8, 2e8, 4e8], [2e9, 4e9, 1e9], [3.0, 2.8, 2.9]
PLAIN = pl.DataFrame({"N": SIZES, "D": TOKENS, "loss": LOSSES})


def columns(**said: str) -> Selection:
    return Selection(columns=Columns.model_validate(said))


def column(table: Table, name: str) -> list[float]:
    return table.used[name].to_list()


@pytest.mark.parametrize(
    "header",
    [
        ("N", "D", "loss"),
        ("n_params", "n_tokens", "loss_nats"),
        ("params", "tokens", "val_loss"),
        ("Model Size", "Training Tokens", "C4 Eval Loss"),
        ("parameters", "dataset_size", "Validation Loss"),
        ("#Params", "Pretraining Data Size", "eval/c4_en-validation/CrossEntropyLoss"),
        ("size", "train tokens", "test_loss"),
    ],
)
def test_columns_are_known_by_the_names_that_people_give_them(header: tuple[str, str, str]) -> None:
    table = run_table(pl.DataFrame(dict(zip(header, (SIZES, TOKENS, LOSSES), strict=True))))
    assert column(table, "n_params") == SIZES
    assert column(table, "n_tokens") == TOKENS
    assert column(table, "loss_nats") == LOSSES
    assert column(table, "flops") == [6 * n * d for n, d in zip(SIZES, TOKENS, strict=True)]


@pytest.mark.parametrize(
    ("given", "missing"), [(("N", "C"), "n_tokens"), (("D", "C"), "n_params"), (("N", "D"), "flops")]
)
def test_the_third_of_n_d_and_c_is_worked_out(given: tuple[str, str], missing: str) -> None:
    every = PLAIN.with_columns(C=6 * pl.col("N") * pl.col("D"))
    table = run_table(every.select(*given, "loss"))
    expected = {"n_tokens": TOKENS, "n_params": SIZES, "flops": every["C"].to_list()}
    assert column(table, missing) == pytest.approx(expected[missing])
    assert missing in table.read


def test_a_budget_stands_for_compute_where_size_or_tokens_are_missing() -> None:
    table = run_table(pl.DataFrame({"training_tokens": TOKENS, "compute_budget": [1e18, 1e18, 1e19], "loss": LOSSES}))
    assert column(table, "flops") == [1e18, 1e18, 1e19]
    assert column(table, "n_params") == pytest.approx([1e18 / 6 / 2e9, 1e18 / 6 / 4e9, 1e19 / 6 / 1e9])
    assert table.read["flops"] == "the budget"


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("Model Size (B)", 1e9),
        ("FLOPs (1E21)", 1e21),
        ("N [M]", 1e6),
        ("tokens (in billions)", 1e9),
        ("loss (nats)", None),
    ],
)
def test_units_stand_in_headers(name: str, unit: float | None) -> None:
    assert header_unit(name) == unit


@pytest.mark.parametrize("said", ["N:1e6", "N:M", "N*1e6", "N * 1e6", "N:millions", "N + N * 999999"])
def test_units_and_arithmetic_are_said_behind_a_name(said: str) -> None:
    millions = PLAIN.with_columns(pl.col("N") / 1e6)
    assert column(run_table(millions, columns(n=said)), "n_params") == pytest.approx(SIZES)


def test_a_column_whose_name_looks_like_a_unit_is_the_column() -> None:
    odd = PLAIN.rename({"N": "N:1e6"})
    assert column(run_table(odd, columns(n="N:1e6")), "n_params") == SIZES


def test_one_number_is_the_same_for_all_runs() -> None:
    table = run_table(PLAIN.drop("D"), columns(d="130B"))
    assert column(table, "n_tokens") == [130e9] * 3
    assert table.read["n_tokens"] == "1.3e+11 for all runs"


def test_cells_of_words_are_numbers_where_they_mean_one() -> None:
    values, wrong = numbers_of(pl.Series(["12M", "1.5B", " 3e9 ", "1,000,000", "", None]))
    assert values.to_list() == [12e6, 1.5e9, 3e9, 1e6, None, None]
    assert not wrong
    assert set(numbers_of(pl.Series(["1,5", "n/a", "7 B parameters", "1"]))[1]) == {1, 2, 3}


def test_two_columns_for_one_thing_are_a_question_with_the_option_that_answers_it() -> None:
    twice = PLAIN.rename({"loss": "C4 Eval Loss"}).with_columns(pl.lit(4.0).alias("Wiki Eval Loss"))
    with pytest.raises(InputError, match="'C4 Eval Loss', 'Wiki Eval Loss'") as caught:
        run_table(twice)
    assert "--loss 'C4 Eval Loss'" in str(caught.value)
    assert column(run_table(twice, columns(loss="C4 Eval Loss")), "loss_nats") == LOSSES


def test_two_columns_of_the_same_numbers_are_no_question() -> None:
    assert column(run_table(PLAIN.with_columns(pl.col("N").alias("n"))), "n_params") == SIZES


def test_the_plainest_name_and_the_held_out_loss_are_meant() -> None:
    others = PLAIN.with_columns(N_no_emb=pl.lit(1e7), train_loss=pl.lit(1.0), max_loss=pl.lit(9.0))
    table = run_table(others.rename({"loss": "C4 loss"}))
    assert table.read["n_params"] == '"N"'
    assert table.read["loss_nats"] == '"C4 loss"'


def test_a_size_without_embeddings_is_taken_and_said() -> None:
    table = run_table(PLAIN.rename({"N": "N_no_emb"}))
    assert "without embeddings" in table.notes[0]


@pytest.mark.parametrize(
    ("frame", "said", "complaint"),
    [
        (PLAIN.drop("loss"), {}, "no column looks like the loss"),
        (PLAIN.drop("N"), {}, "the tokens D alone; expected two of"),
        (PLAIN.drop("N", "D"), {}, "none of N, D and C"),
        (PLAIN, {"n": "Nn"}, "did you mean 'N'"),
        (PLAIN, {"n": "N:furlongs"}, "'furlongs' in 'N:furlongs' is no unit"),
        (PLAIN, {"n": "N * nosuch"}, "is no column of"),
        (PLAIN, {"run": "nosuch"}, "'nosuch' is no column"),
        (PLAIN, {"other": {"U": "nosuch"}}, "--column U"),
    ],
)
def test_a_column_that_is_not_there_is_named(frame: pl.DataFrame, said: dict[str, str], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        run_table(frame, columns(**said))


@pytest.mark.parametrize(("loss", "told"), [(-1.0, "-1 in row 2"), (0.0, "0 in row 2"), (float("nan"), "nan in row 2")])
def test_a_loss_that_is_no_positive_number_is_refused_and_named(loss: float, told: str) -> None:
    bad = PLAIN.with_columns(loss=pl.Series([3.0, loss, 2.9]))
    with pytest.raises(InputError, match=told) as caught:
        run_table(bad)
    assert "--where 'loss > 0'" in str(caught.value)
    assert run_table(bad, Selection(where="loss > 0")).used.height == 2


def test_words_among_the_numbers_are_refused_but_in_rows_that_are_not_wanted() -> None:
    words = PLAIN.with_columns(loss=pl.Series(["3.0", "diverged", "2.9"]), ok=pl.Series([True, False, True]))
    with pytest.raises(InputError, match="'diverged' in row 2"):
        run_table(words)
    assert column(run_table(words, Selection(where="ok")), "loss_nats") == [3.0, 2.9]


def test_an_empty_cell_leaves_a_run_out_with_a_reason() -> None:
    table = run_table(PLAIN.with_columns(loss=pl.Series([3.0, None, 2.9])))
    assert table.dropped == {"row 2": "no loss_nats"}
    points, dropped = Points.from_frame(table.runs)
    assert (len(points), dropped) == (2, table.dropped)


@pytest.mark.parametrize(
    ("sizes", "said", "complaint"),
    [
        ([100.0, 200.0, 400.0], {}, 'say which|--n "N:1e6"'),
        ([100.0, 2e8, 4e8], {}, "mixes units: 1 values up to 100 .row 1"),
        ([0.1, 2e8, 4e8], {}, "mixes units"),
    ],
)
def test_sizes_in_millions_are_not_taken_for_counts(sizes: list[float], said: dict[str, str], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        run_table(PLAIN.with_columns(N=pl.Series(sizes)), columns(**said))


def test_a_unit_that_was_said_is_believed() -> None:
    few = PLAIN.with_columns(N=pl.Series([100.0, 200.0, 400.0]))
    assert column(run_table(few, columns(n="N:1")), "n_params") == [100, 200, 400]


def test_small_models_and_a_lone_large_one_are_no_mixed_units() -> None:
    small = ladder().select(N="n_params", D="n_tokens", loss="loss_nats")
    large = pl.DataFrame({"N": [4e11], "D": [1.6e13], "loss": [1.5]})
    assert run_table(small).used.height == 20
    assert run_table(pl.concat([small.with_columns(pl.col("N") * 1e3), large])).used.height == 21


@pytest.mark.parametrize("factor", [1e6, 1e9, 1e-6])
def test_compute_that_is_not_6nd_by_powers_of_a_thousand_is_refused(factor: float) -> None:
    every = PLAIN.with_columns(C=6 * pl.col("N") * pl.col("D") * factor)
    with pytest.raises(InputError, match="not in the same units"):
        run_table(every)
    one = every.with_columns(C=pl.when(pl.col("N") == 1e8).then("C").otherwise(pl.col("C") / factor))
    with pytest.raises(InputError, match=r"1 of 3 runs \(row 1"):
        run_table(one)
    assert run_table(every, columns(flops="6ND")).read["flops"] == "6ND"


def test_exact_counts_of_compute_are_no_wrong_units() -> None:
    assert run_table(PLAIN.with_columns(C=6 * pl.col("N") * pl.col("D") * 3)).used.height == 3


def test_a_row_that_stands_twice_is_used_once_and_named() -> None:
    table = run_table(pl.concat([PLAIN, PLAIN.head(1)]))
    assert table.dropped == {"row 4": "the same as row 1"}
    assert "1 of 4 rows" in table.notes[0]


def test_columns_of_lists_are_left_aside() -> None:
    nested = pl.concat([PLAIN, PLAIN.head(1)]).with_columns(tags=pl.Series([["a"], [], [], ["a"]]))
    assert run_table(nested).dropped == {"row 4": "the same as row 1"}


def test_runs_of_other_seeds_are_no_duplicates() -> None:
    seeds = pl.concat([PLAIN.with_columns(seed=pl.lit(seed), loss=pl.col("loss") + seed / 100) for seed in (0, 1)])
    table = run_table(seeds)
    assert (table.used.height, table.notes) == (6, [])
    assert column(table, "seed") == [0, 0, 0, 1, 1, 1]


def test_a_run_logged_twice_under_two_names_is_warned_of() -> None:
    twice = pl.concat([PLAIN, PLAIN]).with_columns(name=pl.Series(list("abcdef")))
    table = run_table(twice)
    assert table.used.height == 6
    assert "6 runs share N, D and loss" in table.notes[0]


def test_the_best_of_a_search_is_kept() -> None:
    search = pl.concat([PLAIN.with_columns(lr=pl.lit(lr), loss=pl.col("loss") + lr) for lr in (0.3, 0.1, 0.2)])
    assert "--best" in run_table(search).notes[0]
    table = run_table(search, Selection(best=True))
    assert column(table, "loss_nats") == pytest.approx([3.1, 2.9, 3.0])
    assert "Of 9 runs the best of each N, D was kept: 3." in table.notes


def test_the_largest_losses_are_dropped_with_a_reason() -> None:
    table = run_table(PLAIN, Selection(drop_largest=1))
    assert table.dropped == {"row 1": "the largest loss"}
    with pytest.raises(InputError, match="3 of 3 runs leaves none"):
        run_table(PLAIN, Selection(drop_largest=3))


def test_runs_are_called_by_their_names_where_those_tell_them_apart() -> None:
    twice = pl.concat([PLAIN, PLAIN.tail(1).with_columns(loss=2.0)])
    named = twice.with_columns(name=pl.Series(["a", None, "b", "b"]))
    assert run_table(named).runs["run"].to_list() == ["a", "row 2", "b (row 3)", "b (row 4)"]
    assert run_table(named, columns(run="row")).runs["run"].to_list() == ["row 1", "row 2", "row 3", "row 4"]


def test_rows_of_one_run_at_other_tokens_keep_its_name_and_are_told_of() -> None:
    curve = pl.DataFrame({"run": ["a", "a", "b"], "N": [1e8, 1e8, 2e8], "D": [1e9, 2e9, 1e9], "loss": LOSSES})
    table = run_table(curve)
    assert table.runs["run"].to_list() == ["a", "a", "b"]
    assert "taken for its checkpoints" in table.notes[0]
    assert not run_table(curve, columns(run="row")).notes


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("flops < 2e18", [1]),
        ("n_params in (1e8, 4e8) and not loss > 2.95", [3]),
        ("kind = 'web'", [1, 3]),
        ('"odd name" * 2 >= 4', [2, 3]),
        ("n_tokens / n_params between 2 and 5", [3]),
        ("kind like 'b%' or loss == 2.9", [2, 3]),
    ],
)
def test_a_condition_chooses_runs(condition: str, rows: list[int]) -> None:
    frame = PLAIN.with_columns(pl.Series("odd name", [1, 2, 3]), kind=pl.Series(["web", "book", "web"]))
    table = run_table(frame, Selection(where=f"({condition}) or n_params > 1e12"))
    assert table.runs["run"].to_list() == [f"row {row}" for row in rows]


@pytest.mark.parametrize(
    ("condition", "complaint"),
    [
        ("loss <", "unable to parse"),
        ("los < 1", "did you mean the column loss"),
        ("loss + 1", "is no condition, but a value"),
        ("sum(loss) > 1", "one value of all runs"),
        ("loss > 1e", "names its result"),
        ("loss > (select 1)", "--where"),
        ("loss in (select loss from t)", "--where"),
        ("read_csv('x') > 1", "unsupported function"),
        ("loss > 1; drop table runs", "--where"),
        ('kind = "web"', "single quotes"),
        ("loss > 100", "holds for none of the 3 runs"),
    ],
)
def test_what_is_no_condition_is_refused(condition: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        run_table(PLAIN, Selection(where=condition))


def test_runs_of_one_budget_are_refused() -> None:
    with pytest.raises(InputError, match="at one budget"):
        run_table(pl.DataFrame({"N": SIZES, "C": [1e18] * 3, "loss": LOSSES}))


def test_too_few_runs_for_a_form_are_refused() -> None:
    with pytest.raises(InputError, match="3 runs are left for the 5 parameters"):
        check_enough(run_table(PLAIN), FORMS["chinchilla"])
    many = run_table(ladder(), Selection(hold_out="n_params > 5e3"))
    with pytest.raises(InputError, match="--hold-out"):
        check_enough(many, FORMS["chinchilla"])


def test_a_form_of_tokens_is_refused_where_all_runs_saw_as_many() -> None:
    with pytest.raises(InputError, match="the tokens D is about 1e\\+10 in all 20 runs"):
        check_enough(run_table(ladder().drop("flops"), columns(d="1e10", flops="6ND")), FORMS["chinchilla"])


def test_held_out_runs_are_told_by_a_condition() -> None:
    table = run_table(ladder(), Selection(hold_out="flops >= 5e11"))
    assert table.held_out is not None
    assert table.held_out.sum() == 5
    with pytest.raises(InputError, match="holds for none of the 20 runs used"):
        run_table(ladder(), Selection(hold_out="flops >= 5e21"))


def test_unique_tokens_say_the_epochs() -> None:
    table = run_table(PLAIN.with_columns(U=pl.lit(1e9)), needed=["unique_tokens"])
    assert column(table, "epochs") == [2, 4, 1]
    with pytest.raises(InputError, match="--column U=NAME"):
        run_table(PLAIN, needed=["unique_tokens"])


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet", "jsonl", "json"])
def test_a_table_is_read_from_every_kind_of_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"runs.{kind}"
    match kind:
        case "parquet":
            PLAIN.write_parquet(path)
        case "jsonl":
            PLAIN.write_ndjson(path)
        case "json":
            PLAIN.write_json(path)
        case _:
            PLAIN.write_csv(path, separator="\t" if kind == "tsv" else ",")
    assert read_frame(path).equals(PLAIN)


def test_semicolons_and_decimal_commas_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "runs.csv", "N;D;loss\n1e8;2e9;3,25\n2e8;4e9;3,125\n")
    assert read_frame(path)["loss"].to_list() == [3.25, 3.125]


def test_a_table_of_an_excel_export_is_read(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes(b"\xef\xbb\xbfN, D ,loss\r\n1e8,2e9,3.5\r\n2e8,4e9,3.25\r\n")
    assert column(run_table(read_frame(path)), "n_params") == [1e8, 2e8]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("runs.csv", b"", "is empty"),
        ("runs.csv", b"N,D,loss\n", "has a header and no runs"),
        ("runs.csv", b"N,D,loss\n1,2,3,4\n", "cannot be read as .csv"),
        ("runs.csv", b"N,D,loss\n1,2,\xff\xfe\n", "cannot be read as .csv"),
        ("runs.parquet", b"N,D,loss\n1,2,3\n", "cannot be read as .parquet"),
        ("runs.jsonl", b"{not json\n", "cannot be read as .jsonl"),
        ("runs.xlsx", b"PK", "is no table that can be read"),
    ],
)
def test_a_file_that_holds_no_table_is_refused(tmp_path: Path, name: str, content: bytes, complaint: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=complaint):
        read_frame(path)
    with pytest.raises(InputError, match="there is no such file"):
        read_frame(tmp_path / "absent.csv")


def test_the_step_takes_a_table_into_a_recipe(tmp_path: Path, store: Store) -> None:
    path = tmp_path / "runs.csv"
    ladder().select(pl.col("n_params").alias("Model Size"), "n_tokens", "budget_flops", val_loss="loss_nats").write_csv(
        path
    )
    step = ExistingRuns(path=str(path), where="flops < 5e11", drop_largest=1)
    table = store.make(step)
    assert table.manifest.counts == {"runs": 14, "dropped": 1}
    assert table.curves.is_empty()
    law = derive_law(table.runs, QUICK)
    assert law.findings.data.dropped == {
        table.runs.filter(pl.col("dropped").is_not_null())["run"][0]: "the largest loss"
    }


def test_the_step_is_told_by_the_contents_of_its_file(tmp_path: Path) -> None:
    text = "N,D,loss\n1e8,2e9,3\n1e8,4e9,2.9\n"
    one, other = (write(tmp_path / name, text) for name in ("one.csv", "other.csv"))
    before = ExistingRuns(path=str(one)).fingerprint
    assert ExistingRuns(path=str(other)).fingerprint == before
    assert ExistingRuns(path=str(one), columns=Columns(n="N:1")).fingerprint != before
    write(one, text.replace("2.9", "2.8"))
    assert ExistingRuns(path=str(one)).fingerprint != before
    with pytest.raises(InputError, match=r"'Loss' is no column of one\.csv"):  # before anything is made
        _ = ExistingRuns(path=str(one), columns=Columns(loss="Loss")).fingerprint


@pytest.mark.parametrize(
    ("name", "selection", "n_used"),
    [
        ("epoch_chinchilla/svg_extracted_data.csv", Selection(), 245),
        ("kyo_chinchilla/df.csv", Selection(), 234),
        ("gadre_overtraining/runs_c4_rpj.csv", columns(loss="loss_c4_val"), 69),
        ("misfitting/scaling_results_last_ckpt_only.csv", Selection(), 260),
        ("misfitting/data.csv", columns(loss="C4 Eval Loss"), 222),
        ("misfitting/dense.csv", columns(loss="C4 Eval Loss"), 220),
        ("isoflops/llama3_isoflops_points.csv", Selection(), 133),
        ("isoflops/ml_scalefit.csv", Selection(), 124),
        ("isoflops/misfitting.csv", Selection(), 176),
        ("muennighoff_data_constrained/paper_fit_182.csv", Selection(), 182),
        ("muennighoff_data_constrained/runs.csv", Selection(), 296),
        ("olmo_ladder/ladder16.csv", Selection(), 16),
        ("porian/isoflop_points.csv", Selection(), 1164),
        ("routing_moe/final_no_hash.csv", columns(n="dense_parameter_count", d="step * 524288"), 154),
        ("steplaw/dense_lr_bs_loss.csv", Selection(best=True), 17),
        ("steplaw/moe_lr_bs_loss.csv", columns(n="Na"), 708),
        ("bnsl/fit14.csv", columns(n="1B", d="dataset_size:1"), 14),
    ],
)
def test_public_tables_are_read_as_they_are(shared_data: Path, name: str, selection: Selection, n_used: int) -> None:
    assert run_table(read_frame(shared_data / "scaling" / name), selection).used.height == n_used
