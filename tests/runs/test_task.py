"""Models learn what they are asked, from scratch or from what they knew; what stays frozen stays."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from example_files import some_examples
from smelt.core.local import LocalRunner
from smelt.core.store import Store
from smelt.errors import InputError
from smelt.evals.steps import ScoreExamples
from smelt.models.huggingface import load
from smelt.models.tuned import Tuned
from smelt.runs.examples import Shelf, order
from smelt.runs.optim import depth_below
from smelt.runs.task import freeze, load_learner
from smelt.runs.task_steps import TrainTask
from smelt.tokens.example_steps import TokenizeExamples

SEQ2SEQ = {"kind": "encoder-decoder", "context": 48}
ENCODER = {"kind": "encoder", "context": 48}
RATES = {"matrix_lr": 0.02, "head_lr": 0.02}
ASKED: dict[str, dict[str, str]] = {
    "text": {"answer": "text", "target": "german"},
    "class": {"answer": "class", "target": "mood"},
    "number": {"answer": "number", "target": "count"},
    "span": {"answer": "span", "target": "who", "question": "asked"},
}
BEST = {"text": ("exact", 0.9), "class": ("accuracy", 0.95), "number": ("pearson", 0.9), "span": ("exact", 0.9)}


@pytest.fixture(scope="module")
def module_store(tmp_path_factory: pytest.TempPathFactory, runner: LocalRunner) -> Store:
    return Store(tmp_path_factory.mktemp("store"), runner=runner)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TokenizeExamples]:
    folder = tmp_path_factory.mktemp("files")
    return {name: some_examples(folder, n=2000, **asked) for name, asked in ASKED.items()}


def some_task(examples: TokenizeExamples, **fields: object) -> TrainTask:
    plain = {"examples": examples, "d_model": 48, "n_layers": 2, "batch": 40, "epochs": 6, "hparams": RATES}
    return TrainTask.model_validate({**plain, **fields})


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("text", SEQ2SEQ), ("text", {"context": 96}), ("class", ENCODER), ("class", {"context": 48}),
        ("number", ENCODER), ("span", ENCODER),
    ],
)  # fmt: skip
def test_what_is_asked_is_learned(
    name: str, family: dict[str, object], made: dict[str, TokenizeExamples], module_store: Store
) -> None:
    epochs = 14 if "kind" not in family and name == "text" else 6  # what a decoder reads it must first copy
    run = some_task(made[name], family=family, epochs=epochs)
    scores = module_store.make(ScoreExamples(run=run, examples=made[name]))
    which, least = BEST[name]
    assert scores.scores[which] >= least
    assert scores.answers.height == 60
    assert scores.answers.columns == ["id", "asked", "wanted", "said"]
    assert module_store.open(run).record.task == name


def test_a_learner_comes_back_the_same(made: dict[str, TokenizeExamples], module_store: Store) -> None:
    run = module_store.make(some_task(made["class"], family=ENCODER))
    learner = load_learner(run.folder)
    assert isinstance(learner, Tuned)
    assert learner.head.score.out_features == 3
    assert float(learner.head.score.weight.detach().abs().max()) > 0
    tokens = torch.tensor([[5, 6, 7, 0]])
    again = load_learner(run.folder)(tokens, torch.ones_like(tokens, dtype=torch.bool))
    assert torch.equal(learner(tokens, torch.ones_like(tokens, dtype=torch.bool)), again)


def test_a_run_goes_on_from_another_and_what_is_frozen_stays(
    made: dict[str, TokenizeExamples], module_store: Store
) -> None:
    first = some_task(made["class"], family=ENCODER)
    then = {"start": first, "d_model": None, "n_layers": None, "epochs": 0.2}
    tuned = some_task(made["class"], **then, freeze=["model.embed_*", "*.layers.0.*"])
    before, after = (dict(load(module_store.make(run).folder).named_parameters()) for run in (first, tuned))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert not any(name.startswith(("embed_", "layers.0.")) for name in changed)
    by_folder = {**then, "start": None, "start_folder": str(module_store.make(first).folder)}
    assert module_store.make(some_task(made["class"], **by_folder)).record.loss_nats < 0.5


def test_another_tokenizer_is_refused(made: dict[str, TokenizeExamples], module_store: Store, tmp_path: Path) -> None:
    other = some_examples(tmp_path, n=900, **ASKED["class"])
    started = some_task(other, start=some_task(made["class"], family=ENCODER), d_model=None, n_layers=None)
    with pytest.raises(InputError, match=r"(?s)is of other tokens than the model .*existing-tokenizer"):
        module_store.make(started)


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("text", {"family": ENCODER}, "asks an encoder for a text"),
        ("class", {"family": SEQ2SEQ}, "asks an encoder-decoder for a class"),
        ("class", {"family": {"kind": "encoder", "context": 8}}, r"an example has \d+ tokens, and the model reads 8"),
        ("class", {"family": ENCODER, "freeze": ["layer"]}, "matches no parameter; expected names such as model"),
        ("class", {"family": ENCODER, "freeze": ["*"]}, "leaves nothing to train"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_before_the_first_step(
    name: str, fields: dict[str, object], message: str, made: dict[str, TokenizeExamples], module_store: Store
) -> None:
    with pytest.raises(InputError, match=message):
        module_store.make(some_task(made[name], **fields))


def test_a_task_begins_in_one_way(made: dict[str, TokenizeExamples]) -> None:
    for fields in ({"d_model": None}, {"start_folder": "model"}, {"d_model": None, "n_layers": None}):
        with pytest.raises(ValidationError, match="give one of the three"):
            some_task(made["class"], **fields)


def test_each_pass_sees_each_example_once_beside_others_of_its_length() -> None:
    rng, n = torch.Generator().manual_seed(0), 640
    lengths = torch.randint(2, 30, (n,), generator=rng).tolist()
    sources = [torch.zeros(length, dtype=torch.int64).numpy() for length in lengths]
    shelf = Shelf("class", sources, [source[:1] for source in sources], torch.zeros(n).double().numpy(), 0)
    drawn = order(shelf, 0, rows=10, seed=3)
    assert sorted(drawn.flatten().tolist()) == list(range(n))
    spread = [max(lengths[i] for i in row) - min(lengths[i] for i in row) for row in drawn.tolist()]
    assert sum(spread) / len(spread) < 2
    assert drawn.tolist() == order(shelf, 0, rows=10, seed=3).tolist()
    assert drawn.tolist() != order(shelf, 1, rows=10, seed=3).tolist()
    firsts = [lengths[row[0]] for row in drawn.tolist()]
    assert firsts != sorted(firsts)


def test_layers_are_counted_from_the_head_down() -> None:
    names = ["head.score.weight", "model.layers.1.mlp.up_proj.weight", "model.layers.0.input_layernorm.weight"]
    assert [depth_below(name, 2) for name in [*names, "model.embed_tokens.weight"]] == [0, 1, 2, 3]


def test_freezing_stops_gradients(made: dict[str, TokenizeExamples], module_store: Store) -> None:
    model = load(module_store.make(some_task(made["text"], family=SEQ2SEQ)).folder)
    freeze(model, ["encoder.*"])
    assert {name.split(".")[0] for name, p in model.named_parameters() if p.requires_grad} == {"decoder", "lm_head"}


def test_a_lost_run_and_steps_left_out_are_told_of(made: dict[str, TokenizeExamples], module_store: Store) -> None:
    with pytest.raises(InputError, match="run train-task: the training loss is nan"):
        module_store.make(some_task(made["class"], family=ENCODER, rate=1e30))
