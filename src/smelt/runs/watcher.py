"""Looks at a run now and then: how fast, at what cost, how well on held-out text and each domain of it, and how it
writes; tells the session's events, and whichever trackers were asked for."""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from smelt.errors import InputError
from smelt.models.decoding import beam_search
from smelt.models.stack import Decoder
from smelt.runs.checkpoint import Checkpoint, Point
from smelt.runs.evaluate import by_domain
from smelt.runs.loss import Learner
from smelt.runs.output import Output
from smelt.runs.trackers import Tell, open_tracker
from smelt.runs.watch import Watch
from smelt.runs.world import World
from smelt.tokens.tokenizer import load_bpe
from smelt.tokens.tokens import Tokens

EVENTS_A_RUN = 10
JOULES_PER_KWH = 3.6e6


@dataclass(frozen=True, slots=True)
class Probe:
    """What a run is evaluated on, on its way."""

    tokens: Tokens
    held_out_tokens: int
    tokenizer: Path | None = None
    """Of the samples."""


class Watcher:
    """Called with the model at each point of its curve; of several processes the first has one."""

    def __init__(
        self,
        watch: Watch,
        output: Output,
        checkpoint: Checkpoint,
        *,
        n_tokens: float,
        flops: float = 0.0,
        probe: Probe | None = None,
    ) -> None:
        self._watch, self._output, self._checkpoint, self._probe = watch, output, checkpoint, probe
        self._n_tokens, self._flops_per_token = n_tokens, flops / n_tokens
        self._tell: Sequence[Tell] = [open_tracker(tracker, output.trackers, output.name) for tracker in watch.trackers]
        self._started = time.monotonic()
        self._told = self._evaluated = 0.0

    def __call__(self, model: Learner, point: Point) -> None:
        """Tells of the run, if it went on far enough since the last time; not of what was learned before this process,
        whose points come first."""
        share = point.n_tokens / self._n_tokens
        if point.step <= self._checkpoint.resumed.step:
            self._told = self._evaluated = share
            return
        if share - self._told >= 1 / EVENTS_A_RUN:
            self._told = share
            self._emit("train", point, {"loss_nats": point.loss_nats, **self._pace(point)}, share=share)
        due = self._watch.evaluations and share - self._evaluated >= 1 / self._watch.evaluations
        if due and self._probe is not None and isinstance(model, Decoder):
            self._evaluated = share
            self._evaluate(model, point, self._probe)

    def _pace(self, point: Point) -> dict[str, float]:
        """Speed, memory, and what it cost since this process began."""
        seconds, watch = time.monotonic() - self._started, self._watch
        speed = (point.n_tokens - self._checkpoint.resumed.n_tokens) / seconds
        found = {"tokens_per_second": speed, "memory_bytes": _peak_bytes()}
        if torch.cuda.is_available():
            found["gpu_memory_bytes"] = float(torch.cuda.max_memory_allocated())
        if watch.peak_flops:
            found["mfu"] = speed * self._flops_per_token / watch.peak_flops
        if watch.watts:
            found["kwh"] = watch.watts * seconds / JOULES_PER_KWH
        if watch.price_per_hour:
            found["cost"] = watch.price_per_hour * seconds / 3600
        return found

    def _evaluate(self, model: Decoder, point: Point, probe: Probe) -> None:
        domains = by_domain(model, probe.tokens, at_most=probe.held_out_tokens)
        n = sum(one.n_tokens for one in domains.values())
        values = {"held_out/loss_nats": sum(one.loss_nats * one.n_tokens for one in domains.values()) / n}
        for domain, one in domains.items():
            values |= {f"{domain}/loss_nats": one.loss_nats, f"{domain}/bpb": one.bpb}
        self._emit("evaluate", point, values)
        for start in self._watch.samples:
            assert probe.tokenizer is not None
            text = sample(model, probe.tokenizer, start, end=probe.tokens.end, most=self._watch.sample_tokens)
            self._output.events.emit("sample", run=self._output.name, step=point.step, start=start, text=text)

    def _emit(self, event: str, point: Point, values: Mapping[str, float], **more: float) -> None:
        fields = {"run": self._output.name, "step": point.step, "n_tokens": point.n_tokens, **values, **more}
        self._output.events.emit(event, **fields)
        for tell in self._tell:
            tell(point.step, values)


def sample(model: Decoder, tokenizer: Path, start: str, *, end: int, most: int) -> str:
    """How a model goes on with a text, by the likeliest token each time, until it ends or has so many."""
    bpe = load_bpe(tokenizer)
    before, device = torch.tensor([[end, *bpe.encode(start).ids]]), model.lm_head.weight.device

    def scores(written: Tensor) -> Tensor:
        read = torch.cat((before, written[:, 1:]), dim=1)[:, -model.config.context :]
        return model(read.to(device))[:, -1].cpu()

    was_training = model.training
    model.eval()
    ids = beam_search(scores, 1, end=end, beams=1, most=most)[0]
    model.train(was_training)
    return str(bpe.decode(ids))


def check_watched(watch: Watch, kind: str, world: World) -> None:
    """InputError where there is nothing to evaluate on the way."""
    if not watch.evaluations:
        return
    if kind != "decoder":
        what = f"loss by domain is of every token, which an {kind} is not asked for"
        raise InputError(where="watch.evaluations", what=what, expected="a decoder")
    if world.machine.processes > 1 and world.machine.parallel != "ddp":
        what = f"no process of {world.machine} has the whole model"
        raise InputError(where="watch.evaluations", what=what, expected="parallel = 'ddp', or one process")


def _peak_bytes() -> float:
    """Of this process, so far."""
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
