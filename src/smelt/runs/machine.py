"""What a run is trained on: how fast, never what. One process of a CPU where nothing is said.

    ddp       each process has the whole model and its share of a step's rows (Li et al. 2020)
    fsdp      and its share of every weight, gathered layer by layer as it is needed (Zhao et al. 2023)
    tensor    all rows, and its share of every layer's heads and hidden units (Shoeybi et al. 2019)
    expert    its share of the rows and of the experts, to which tokens are sent (Lepikhin et al. 2020)

What a step learns from is the same in all, so a run may go on with more processes, or fewer, if that is asked for.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from smelt.errors import InputError
from smelt.models.config import ModelConfig

MICRO_BATCH_TOKENS = 2048
"""Tokens a pass: twice as many fall out of a core's cache and are 15% slower (width 64, measured 2026-11)."""
Parallel = Literal["ddp", "fsdp", "tensor", "expert"]


class Machine(BaseModel):
    """Devices and processes, and how the work is cut over them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: Literal["cpu", "cuda"] = "cpu"
    processes: int = Field(default=1, ge=1)
    """On this machine, each with a core, or a card, of its own."""
    parallel: Parallel = "ddp"
    """What each of several processes has."""
    micro_batch_tokens: int = Field(default=MICRO_BATCH_TOKENS, ge=1)
    """Tokens a pass, or one row: what fits the cache, or the card's memory. A router is balanced over a pass."""
    accept_change: bool = False
    """Whether a run may go on with other processes than it was begun with; the record then says so."""
    recompute: bool = False
    """Whether a layer's activations are computed again for the gradient and not kept (Chen et al. 2016): a third more
    work for memory that no longer grows with depth."""
    compiled: bool = False
    """Whether layers are compiled (torch.compile), which takes its time before the first step."""

    def __str__(self) -> str:
        return "one process" if self.processes == 1 else f"{self.processes} processes ({self.parallel})"

    @property
    def shares_rows(self) -> bool:
        """Whether each process has rows of its own."""
        return self.processes > 1 and self.parallel != "tensor"

    def check(self, config: ModelConfig, rows: int) -> None:
        """InputError where a model, or a step of so many rows, cannot be cut over the processes."""
        wrong = next((what for is_wrong, what in self._misfits(config, rows) if is_wrong), None)
        if wrong and self.processes > 1:
            raise InputError(where=f"machine of {self}", what=wrong, expected=f"what {self.processes} processes share")

    def _misfits(self, config: ModelConfig, rows: int) -> list[tuple[bool, str]]:
        n, experts = self.processes, config.experts
        if self.parallel != "tensor":
            return [
                (rows % n > 0, f"a step has {rows} rows; hparams.batch_tokens decides how many"),
                (self.parallel == "expert" and experts is None, "the family has no experts"),
                (self.parallel == "expert" and experts is not None and experts.n % n > 0, "experts do not divide"),
            ]
        is_bound = config.positions in ("t5", "transformer-xl") or config.global_tokens
        return [
            (config.n_heads % n > 0 or config.n_kv_heads % n > 0, f"{config.n_kv_heads} key heads do not divide"),
            (config.d_ff % n > 0, f"a feed-forward width of {config.d_ff} does not divide"),
            (is_bound, "its attention is not cut by heads (biases of distances, a memory, global tokens)"),
            (config.qk_norm and config.qk_norm_over == "all", "its queries are normed over all heads"),
        ]
