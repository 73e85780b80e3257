"""The step that trains a model on examples: one that was trained before, or from scratch."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, ClassVar, Self, cast

from annotated_types import Ge, Gt, Le
from pydantic import BeforeValidator, JsonValue, model_validator

from smelt.core.artifact import Artifact, Counts
from smelt.core.shards import file_digest
from smelt.core.step import RUNTIME, Estimate, Sizes, Step
from smelt.core.work import Work
from smelt.errors import InputError
from smelt.models.config import ModelConfig
from smelt.models.flops import BACKWARD, forward_flops
from smelt.models.sizes import Family
from smelt.runs.hparams import Hparams
from smelt.runs.ladder import seconds_for
from smelt.runs.machine import Machine
from smelt.runs.run import Run
from smelt.runs.steps import vocab_of
from smelt.tokens.examples import Examples
from smelt.tokens.steps import absolute_path
from smelt.tokens.tokenizer import TOKENIZER

EXPECTED_LENGTH = 32
"""Tokens of an example, where an estimate is asked before there are any (taste)."""


class TrainTask(Step[Run]):
    """Trains a model on examples, with a head for what they ask, and takes its loss on those held out."""

    step: ClassVar[str] = "train-task"
    makes: ClassVar[type[Artifact]] = Run

    examples: Step[Examples]
    """What to learn, and to be judged by."""
    start: Step[Run] | None = None
    """A run whose model is gone on with."""
    start_folder: Annotated[str | None, BeforeValidator(absolute_path), RUNTIME] = None
    """Or a folder of Hugging Face's."""
    d_model: Annotated[int, Ge(8)] | None = None
    """From scratch: width."""
    n_layers: Annotated[int, Ge(1)] | None = None
    """From scratch: depth, of each stack."""
    family: Family = Family()
    """From scratch: what else decides the shape."""
    hparams: Hparams = Hparams()
    """Constants of the learning-rate rules."""
    rate: Annotated[float, Gt(0)] = 1.0
    """All learning rates, times this: a trained model is changed less than one that starts from nothing."""
    epochs: Annotated[float, Gt(0)] = 3.0
    """Passes over the examples."""
    batch: Annotated[int, Ge(1)] = 32
    """Examples a step."""
    freeze: tuple[str, ...] = ()
    """Parameters that stay as they are: patterns of their names, such as `model.embed_*` or `*.layers.0.*`."""
    layer_decay: Annotated[float, Gt(0), Le(1)] = 1.0
    """How many times as fast as the layer above it each layer learns."""
    seed: Annotated[int, Ge(0)] = 0
    """Of the weights, of the order of the examples and of what is dropped."""
    machine: Annotated[Machine, RUNTIME] = Machine()
    """What to train it on."""

    @model_validator(mode="after")
    def _begins_somewhere(self) -> Self:
        if self.hparams.rule != "ladder":
            raise ValueError(
                f"hparams.rule {self.hparams.rule} is of texts, whose tokens it counts: give the rates here"
            )
        shape = (self.d_model is not None, self.n_layers is not None)
        ways = [self.start is not None, self.start_folder is not None, any(shape)]
        if sum(ways) != 1 or (any(shape) and not all(shape)):
            raise ValueError("begins with start, start_folder, or d_model and n_layers: give one of the three")
        return self

    def extra_identity(self) -> dict[str, JsonValue]:
        """What is in the folder."""
        if self.start_folder is None:
            return {}
        files = sorted(path for path in Path(self.start_folder).glob("*") if path.suffix in (".json", ".safetensors"))
        if not files:
            raise InputError(where=f"start_folder {self.start_folder}", what="has neither config.json nor safetensors")
        return {"start": {path.name: file_digest(path) for path in files}}

    def make(self, work: Work) -> Counts:
        """Writes run.json, curve.parquet, config.json, model.safetensors, tokenizer.json, and the head where one is."""
        from smelt.runs.launch import launch
        from smelt.runs.output import Output
        from smelt.runs.task import TaskAssignment, train_task_into

        examples = work.open(self.examples)
        assignment = TaskAssignment(
            hparams=self.hparams, epochs=self.epochs, batch=self.batch, seed=self.seed, freeze=self.freeze,
            layer_decay=self.layer_decay, rate=self.rate,
        )  # fmt: skip
        begin, output = self._begin(work, examples), Output.of(work, self.default_name)
        record = launch(train_task_into, self.machine, begin, examples, assignment, output)
        shutil.copyfile(examples.folder / TOKENIZER, work.folder / TOKENIZER)
        fields = {"n_params", "n_tokens", "flops", "loss_nats", "task"}
        return cast("Counts", record.model_dump(mode="json", include=fields))

    def estimate(self, sizes: Sizes) -> Estimate:
        """Time goes with FLOPs, and for small models with tokens; of a model gone on with, nothing is known before."""
        if self.d_model is None or self.n_layers is None:
            return Estimate()
        config = self.family.shape(vocab=vocab_of(sizes, self.examples), d_model=self.d_model, n_layers=self.n_layers)
        n_tokens = sizes.number(self.examples, "train_tokens")
        n = sizes.number(self.examples, "train_examples") or max(1.0, n_tokens / EXPECTED_LENGTH)
        read = round(n_tokens / n)
        written = round(sizes.number(self.examples, "train_target_tokens") / n) or read
        lengths = (written, read) if config.kind == "encoder-decoder" else (read, 0)
        flops = self.epochs * n * (1 + BACKWARD) * forward_flops(config, *lengths)
        seconds = seconds_for(flops, self.epochs * n * sum(lengths)) / self.hparams.speed
        return Estimate(core_seconds=seconds, counts={"flops": flops})

    def _begin(self, work: Work, examples: Examples) -> ModelConfig | Path:
        """What it begins with: a shape, or the folder of a model."""
        if self.d_model is not None and self.n_layers is not None:
            return self.family.shape(vocab=examples.vocab, d_model=self.d_model, n_layers=self.n_layers)
        folder = work.open(self.start).folder if self.start is not None else Path(str(self.start_folder))
        _check_tokenizer(folder, examples)
        return folder


def _check_tokenizer(folder: Path, examples: Examples) -> None:
    """InputError where a model was trained with other tokens than the examples are made of."""
    from smelt.runs.scorer import find_tokenizer

    theirs, ours = find_tokenizer(folder), examples.folder / TOKENIZER
    if file_digest(theirs) != file_digest(ours):
        raise InputError(
            where=str(examples.ref), what=f"is of other tokens than the model in {folder}",
            do=f'tokenize the examples with its own: step = "existing-tokenizer", path = "{theirs}"',
        )  # fmt: skip
