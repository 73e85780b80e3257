"""Trained runs as artifacts: one model and how it came to be (`Run`), and a table of many (`RunTable`).

    Run        run.json           the shape, counts, hyperparameters and held-out loss: a `RunRecord`
               curve.parquet      step, n_tokens, flops, loss_nats (training loss, the mean since the row before)
               config.json, model.safetensors    as transformers loads them
    RunTable   runs.parquet       one row a run: the columns of `TABLE`
               curves.parquet     run, and the columns of its curve

No torch here: a law is fitted, and a report written, without it.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import polars as pl
from pydantic import BaseModel, ConfigDict

from smelt.core.artifact import Artifact
from smelt.core.shards import read_json
from smelt.models.config import ModelConfig
from smelt.models.flops import flops_6nd, n_params, n_params_non_embedding, n_weights

RECORD, CURVE = "run.json", "curve.parquet"
TASK_HEAD = "head.json"
"""Beside a model that ends in the head of a task."""
RUNS, CURVES = "runs.parquet", "curves.parquet"

TABLE: dict[str, type[pl.DataType]] = {
    "run": pl.String,
    "budget_flops": pl.Float64,
    "flops": pl.Float64,
    "flops_6nd": pl.Float64,
    "n_params": pl.Int64,
    "n_params_non_embedding": pl.Int64,
    "n_weights": pl.Int64,
    "n_layers": pl.Int64,
    "d_model": pl.Int64,
    "n_tokens": pl.Int64,
    "epochs": pl.Float64,
    "batch_tokens": pl.Int64,
    "steps": pl.Int64,
    "lr": pl.Float64,
    "seed": pl.Int64,
    "loss_nats": pl.Float64,
    "bpb": pl.Float64,
}
"""The columns of a run table; `run` is the run artifact's folder, `budget_flops` what the run was meant to cost."""
CURVE_COLUMNS: dict[str, type[pl.DataType]] = {
    "step": pl.Int64,
    "n_tokens": pl.Int64,
    "flops": pl.Float64,
    "loss_nats": pl.Float64,
}


class RunRecord(BaseModel):
    """What is to be known of a run without loading its model."""

    model_config = ConfigDict(frozen=True)

    config: ModelConfig
    n_params: int
    """All parameters, embedding and head included."""
    n_params_non_embedding: int
    """Without embedding and head."""
    n_weights: int
    """Matrices and head: the parameters that multiply."""
    n_tokens: int
    """Tokens trained on, repeats counted each time."""
    epochs: float
    """`n_tokens` over the tokens there are."""
    flops: float
    """Spent on training: the exact count of `models.flops`."""
    flops_6nd: float
    steps: int
    batch_tokens: int
    lr: float
    """Peak learning rate of the matrices (Muon's); the others follow from `hparams`."""
    seed: int
    loss_nats: float
    """Held-out loss, nats per token asked for."""
    bpb: float | None
    """Held-out loss, bits per byte; none where not every token was asked for."""
    skipped: int = 0
    """Steps whose gradient was thrown away."""
    changes: tuple[str, ...] = ()
    """From which step on it was gone on with otherwise than it was begun: on more processes, or fewer."""
    task: str | None = None
    """What it was trained to answer, where that is not the text itself: see `tokens.examples`."""


def record_of(config: ModelConfig, *, n_tokens: int, **found: Any) -> RunRecord:
    """The record of a run, with what follows from its shape."""
    return RunRecord(
        config=config,
        n_params=n_params(config),
        n_params_non_embedding=n_params_non_embedding(config),
        n_weights=n_weights(config),
        n_tokens=n_tokens,
        flops_6nd=flops_6nd(config, n_tokens),
        **found,
    )


class Run(Artifact):
    """One trained model."""

    kind: ClassVar[str] = "run"

    @cached_property
    def record(self) -> RunRecord:
        """Shape, counts, hyperparameters and held-out loss."""
        return RunRecord.model_validate(read_json(self.folder / RECORD))

    @cached_property
    def curve(self) -> pl.DataFrame:
        """The learning curve: the columns of `CURVE_COLUMNS`."""
        return pl.read_parquet(self.folder / CURVE)


class RunTable(Artifact):
    """Many runs side by side: what a law is fitted to."""

    kind: ClassVar[str] = "runtable"

    @cached_property
    def runs(self) -> pl.DataFrame:
        """One row a run: the columns of `TABLE`."""
        return pl.read_parquet(self.folder / RUNS)

    @cached_property
    def curves(self) -> pl.DataFrame:
        """The learning curves of all: `run`, and the columns of `CURVE_COLUMNS`."""
        return pl.read_parquet(self.folder / CURVES)


def table_row(name: str, record: RunRecord, *, budget_flops: float) -> dict[str, object]:
    """A run's row of a run table."""
    flat = {**record.model_dump(), **record.config.model_dump(), "run": name, "budget_flops": budget_flops}
    return {column: flat[column] for column in TABLE}
