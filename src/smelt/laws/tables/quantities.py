"""What a column of a table of runs may hold, and the names that people give it.

The names are those of papers' released tables and of trackers' exports: N, n_params, Model Size, val_loss ...
"""

from __future__ import annotations

from dataclasses import dataclass

from smelt.laws.forms import COLUMNS


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a column may hold."""

    column: str
    """Its column in a run table."""
    field: str
    """Its field in `Columns`, and its option on the command line; empty for what only `other` names."""
    meaning: str
    names: tuple[str, ...]
    """Tiers of names, spelled as `columns.plain` does, with spaces between."""
    is_variable: bool = False
    """Whether a form may depend on it."""

    @property
    def option(self) -> str:
        """How a user names its column."""
        return f"--{self.field} NAME" if self.field else f"--column {self.letter}=NAME"

    @property
    def letter(self) -> str:
        """What formulas call it: N of n_params."""
        return next((letter for letter, column in COLUMNS.items() if column == self.column), self.column)


N = Quantity(
    "n_params",
    "n",
    "the size N",
    (
        "n_params",
        "n",
        "params parameters num_params n_parameters num_parameters model_params total_params total_parameters "
        "parameter_count param_count total_parameter_count dense_parameter_count model_size size",
        "n_params_non_embedding non_embedding_params n_no_emb n_non_emb n_no_embed n_non_embedding",
    ),
    is_variable=True,
)
D = Quantity(
    "n_tokens",
    "d",
    "the tokens D",
    (
        "n_tokens",
        "d",
        "tokens num_tokens training_tokens train_tokens total_tokens tokens_seen trained_tokens pretraining_tokens "
        "data_size dataset_size pretraining_data_size training_data",
    ),
    is_variable=True,
)
C = Quantity(
    "flops",
    "flops",
    "the compute C",
    (
        "flops",
        "c",
        "flop training_flop training_flops train_flop train_flops total_flops compute training_compute train_compute "
        "total_compute",
    ),
)
BUDGET = Quantity(
    "budget_flops",
    "budget",
    "the budget",
    ("budget_flops", "budget", "compute_budget flops_budget flop_budget isoflop_budget isoflop"),
)
LOSS = Quantity(
    "loss_nats",
    "loss",
    "the loss",
    (
        "loss_nats",
        "loss",
        "val_loss valid_loss validation_loss eval_loss test_loss held_out_loss heldout_loss final_loss final_val_loss "
        "loss_val loss_validation loss_eval loss_test",
    ),
)
RUN = Quantity("run", "run", "the runs' names", ("run", "name run_name run_id exp_name"))
OTHER = (
    Quantity("unique_tokens", "", "the unique tokens U", ("unique_tokens", "u", "n_unique_tokens unique"), True),
    Quantity("experts", "", "the number of experts", ("experts", "n_experts num_experts number_of_experts"), True),
    Quantity("granularity", "", "the granularity G", ("granularity", "g"), True),
    Quantity("epochs", "", "the epochs", ("epochs", "n_epochs num_epochs")),
    Quantity("seed", "", "the seed", ("seed", "random_seed torch_seed")),
    Quantity("lr", "", "the learning rate", ("lr", "learning_rate peak_lr max_lr")),
    Quantity("batch_tokens", "", "tokens a batch", ("batch_tokens",)),
    Quantity("bpb", "", "bits per byte", ("bpb",)),
)
"""What else a run table can hold: taken along where the header has it, asked for where a form needs it."""
