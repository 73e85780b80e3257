"""Several processes that train one model, each with a part of the rows, of the weights, or of both: see `machine`.

Gradients are averaged over the processes that have rows of their own, and each one's loss is its share of the step's
times how many they are: what comes out is the gradient of one process that has all, up to the order of sums.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, Shard, distribute_tensor
from torch.distributed.tensor.parallel import ColwiseParallel, ParallelStyle, RowwiseParallel, parallelize_module
from torch.nn.parallel import DistributedDataParallel

from smelt.models.attention import Attention
from smelt.models.block import Block
from smelt.models.ffn import Gated, Plain
from smelt.models.moe import MixtureOfExperts
from smelt.models.stack import EncoderDecoder, build_model
from smelt.models.tuned import Tuned
from smelt.runs.batch import Batch
from smelt.runs.exchange import Exchange
from smelt.runs.loss import Learner
from smelt.runs.machine import Machine
from smelt.runs.world import World

STACKS = ("gate_proj", "up_proj", "down_proj")
"""Of the experts of a layer."""
NARROWING = ("o_proj", "down_proj")
"""Projections whose inputs, and not their outputs, are cut over processes."""


M = TypeVar("M", bound=nn.Module)


class Ranks(World):
    """One of several processes; the process group is there already."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.rank = dist.get_rank()
        if machine.device == "cuda":
            self.device = torch.device("cuda", self.rank)
        self.mesh = init_device_mesh(machine.device, (machine.processes,))

    @property
    def scale(self) -> int:
        return self.machine.processes if self.machine.shares_rows else 1

    def prepare(self, model: Learner) -> None:
        super().prepare(model)
        if self.machine.parallel == "fsdp":
            for block in _of_kind(model, Block):
                fully_shard(block, mesh=self.mesh)
            fully_shard(model, mesh=self.mesh)
        if self.machine.parallel == "tensor":
            for branch in (*_of_kind(model, Attention), *_of_kind(model, Gated), *_of_kind(model, Plain)):
                self._cut(branch)
        if self.machine.parallel == "expert":
            for mixture in _of_kind(model, MixtureOfExperts):
                self._spread(mixture)

    def unwrapped(self, model: Learner) -> Learner:
        weights = {name: self.gathered(weight) for name, weight in model.state_dict().items()}
        whole = _another(model)
        whole.load_state_dict(weights)
        return whole.eval()

    def wrap(self, losses: nn.Module) -> nn.Module:
        if self.machine.parallel not in ("ddp", "expert"):
            return losses
        spread = [name for name, weight in losses.named_parameters() if isinstance(weight, DTensor)]
        DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(losses, spread)  # pyright: ignore[reportPrivateUsage]  # no public way
        return DistributedDataParallel(losses)

    def accumulating(self, losses: nn.Module, *, is_last: bool) -> AbstractContextManager[None]:
        if isinstance(losses, DistributedDataParallel) and not is_last:
            return losses.no_sync()
        for module in losses.modules():
            if isinstance(module, FSDPModule):
                module.set_requires_gradient_sync(is_last, recurse=False)
        return nullcontext()

    def rows(self, batch: Batch) -> Batch:
        if not self.machine.shares_rows:
            return batch
        each = len(batch) // self.machine.processes
        return batch.rows(self.rank * each, (self.rank + 1) * each)

    def local(self, tensor: Tensor) -> Tensor:
        return tensor.to_local() if isinstance(tensor, DTensor) else tensor

    def whole(self, part: Tensor, like: Tensor) -> Tensor:
        if not _cuts_matrices(like):
            return part
        like = cast("DTensor", like)
        return DTensor.from_local(
            part, self.mesh, like.placements, shape=like.shape, stride=like.stride()
        ).full_tensor()

    def part(self, whole: Tensor, like: Tensor) -> Tensor:
        return self.local(self.placed(whole, like)) if _cuts_matrices(like) else whole

    def placed(self, whole: Tensor, like: Tensor) -> Tensor:
        whole = whole.to(self.device)
        if not isinstance(like, DTensor):
            return whole
        return distribute_tensor(whole, self.mesh, like.placements, src_data_rank=None)

    def gathered(self, tensor: Tensor) -> Tensor:
        return (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor).detach().cpu()

    def sum(self, value: float) -> float:
        return self._all_reduced(value) if self.machine.shares_rows else value

    def agree(self, answer: bool) -> bool:
        said = torch.tensor(int(answer), device=self.device)
        dist.broadcast(said, 0)
        return bool(said)

    def norm(self, gradients: Iterable[Tensor]) -> float:
        cut: list[Tensor] = []
        same: list[Tensor] = []
        for gradient in gradients:
            (cut if _is_cut(gradient) else same).append(self.local(gradient))
        squares = [float(torch.nn.utils.get_total_norm(some)) ** 2 for some in (cut, same)]
        return (self._all_reduced(squares[0]) + squares[1]) ** 0.5

    def _all_reduced(self, value: float) -> float:
        total = torch.tensor(value, dtype=torch.float64, device=self.device)
        dist.all_reduce(total)
        return float(total)

    def _cut(self, branch: nn.Module) -> None:
        """Heads or hidden units over processes; norms of heads, which all have, learn from all heads."""
        styles: dict[str, ParallelStyle] = {
            name: RowwiseParallel() if name in NARROWING else ColwiseParallel()
            for name, child in branch.named_children()
            if isinstance(child, nn.Linear)
        }
        parallelize_module(branch, self.mesh, styles)
        for name in ("q_norm", "k_norm"):
            for weight in getattr(branch, name, nn.Identity()).parameters():
                weight.register_hook(self._summed)

    def _summed(self, gradient: Tensor) -> Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    def _spread(self, mixture: MixtureOfExperts) -> None:
        for name in STACKS:
            stack = getattr(mixture, name)
            if stack is not None:
                here = nn.Parameter(distribute_tensor(stack.detach(), self.mesh, [Shard(0)], src_data_rank=None))
                here.register_hook(self._averaged)
                mixture.register_parameter(name, here)
        mixture.exchange = Exchange(self.mesh.get_group(), self.machine.processes)

    def _averaged(self, gradient: Tensor) -> Tensor:
        """As those of the weights that all have: the tokens of all processes are summed here already."""
        return gradient / self.machine.processes


def _another(learner: Learner) -> Learner:
    """A model of the same shape, as it starts."""
    model = build_model(learner.config, torch.Generator())
    if isinstance(learner, Tuned) and not isinstance(model, EncoderDecoder):
        return Tuned(model, learner.head.score.out_features, learner.head.of)
    return model


def _of_kind(model: nn.Module, kind: type[M]) -> list[M]:
    return [module for module in model.modules() if isinstance(module, kind)]


def _is_cut(tensor: Tensor) -> bool:
    return isinstance(tensor, DTensor) and any(isinstance(placed, Shard) for placed in tensor.placements)


def _cuts_matrices(tensor: Tensor) -> bool:
    """Whether a process has parts of matrices, and not some of a stack of whole ones."""
    if not isinstance(tensor, DTensor):
        return False
    return any(isinstance(placed, Shard) and placed.dim >= tensor.ndim - 2 for placed in tensor.placements)
