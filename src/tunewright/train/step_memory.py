"""What a training step needs, counted on the first blocks of the real architecture; no weights are read.

In: a resolved plan, the card, the shape of the heaviest part of a batch. Out: MemoryPlan, bytes by term. Its own file
because it takes the very steps that a training takes, on one block and on two: each further block costs what the
second did. Korthikanti et al. 2022 count by hand what autograd tells here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import astuple, dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from tunewright.core.errors import TunewrightError
from tunewright.core.machine import Machine
from tunewright.core.plan import Plan, plan_dict
from tunewright.core.systems import trains
from tunewright.core.values import Encoded, ModelCard, Split
from tunewright.model.adapt import adapted, trainable_state
from tunewright.model.layers import layer_indices
from tunewright.model.live import HEAP_BYTES, Live, live_bytes
from tunewright.model.load import shared_tokenizer
from tunewright.model.memory import FLOAT_BYTES, MICRO_TOKENS, Counts, MemoryPlan, memory_of, memory_plan
from tunewright.model.quantised import scales
from tunewright.model.slice import slice_of
from tunewright.model.trunk import FILL_TOKENS, Place
from tunewright.text.batch import Batch, by_length, epoch_order
from tunewright.train.loop import Training, train_steps
from tunewright.train.objective import Loss
from tunewright.train.ready import in_training, trunk_bytes, with_target

_UNCUT = (RuntimeError, ValueError, TypeError, KeyError, AttributeError, AssertionError, ImportError, OSError)
"""What an unusual architecture raises when it is built with one block, or run on ids that are no text."""
RUN_LENGTHS = (1024, 1536, 2048)
"""Rows longer than these are not run: memory is a square function of the length, and three lengths tell it."""
TRUNK_BYTES = 10**9
"""More than the states of the rows that a slice is run on."""


@dataclass(frozen=True, slots=True)
class StepShape:
    """What goes through the model at once, where that is most."""

    n_rows: int
    length: int
    n_trained: int
    """Tokens of a row that are trained on (generate, text)."""
    n_parts: int
    """Parts of a batch, 2 for two and more: the second comes on top of the gradients of the first."""
    n_words: int = 0
    """Different words of all rows, which is what is trained of a word embedding (model/seen_words)."""


def step_shapes(
    lengths: Sequence[int], trained: Sequence[int], *, plan: Plan, batch_size: int
) -> tuple[StepShape, ...]:
    """Of the first epoch's parts the one with most padded tokens and, where it is another, the one with longest rows.

    lengths, trained: of every train row, before any cut.
    """
    most = plan.prepare.max_length
    rows = [(min(n, most), min(t, most)) for n, t in zip(lengths, trained, strict=True)]
    if plan.task == "text":
        rows = [(n, n) for whole in lengths for n in (*[most] * (whole // most), whole % most) if n]
    parts = []
    for group in epoch_order([n for n, _ in rows], batch_size=batch_size, seed=plan.run.seed, epoch=0):
        of_group = [range(rows[i][0]) for i in group]
        cut = by_length(of_group, max_tokens=MICRO_TOKENS["cpu"] or sum(map(len, of_group)))
        n_parts = min(2, len(cut) * plan.train.gradient_accumulation_steps)
        for part in cut:
            n_trained = sum(rows[group[i]][1] for i in part)
            parts.append(StepShape(len(part), len(of_group[part[0]]), -(-n_trained // len(part)), n_parts))
    heaviest = max(parts, key=lambda part: (part.n_rows * part.length, part.length, part.n_trained, part.n_parts))
    longest = max(parts, key=lambda part: (part.length, part.n_rows, part.n_trained, part.n_parts))
    return (heaviest,) if heaviest.length == longest.length else (heaviest, longest)


def step_memory(plan: Plan, card: ModelCard, *, labels: tuple[str, ...], shape: StepShape) -> MemoryPlan:
    """Peak of a training process whose heaviest part has this shape, on a processor.

    Raises what the architecture raises: a config that makes no model, an adapter that fits no part of it.
    """
    train = plan.train.with_(
        learning_rate=1e-4,
        max_steps=2,
        epochs=1.0,
        batch_size=shape.n_rows * shape.n_parts,
        gradient_accumulation_steps=1,
    )
    asked = Plan(task=plan.task, model=plan.model, train=train, run=plan.run)
    case = _Case(card, len(labels), shape, json.dumps(plan_dict(asked)))
    is_rounded = plan.model.quantization is not None
    if shape.length <= RUN_LENGTHS[-1]:
        return memory_of(_whole(case), card, is_rounded=is_rounded)
    shorter = [
        astuple(_whole(replace(case, shape=replace(shape, length=n, n_trained=min(n, shape.n_trained)))))
        for n in RUN_LENGTHS
    ]
    longest = Counts(*(_at(shape.length, RUN_LENGTHS, values) for values in zip(*shorter, strict=True)))
    return memory_of(longest, card, is_rounded=is_rounded)


def counting(
    card: ModelCard, encoded: Mapping[Split, Sequence[Encoded]], *, labels: tuple[str, ...], machine: Machine
) -> Callable[[Plan, int], MemoryPlan | None]:
    """Predicts for a plan and a batch size, on these rows (before any cut).

    None: nothing is trained, it is trained on a GPU, or the architecture cannot be cut into blocks.
    """

    def counted(plan: Plan, batch_size: int) -> MemoryPlan | None:
        rows = with_target(encoded["train"], task=plan.task)
        if not (rows and trains(plan) and plan.run.device == "cpu"):
            return None
        every = [*rows, *with_target(encoded["validation"], task=plan.task)]
        n_words = len(set().union(*(row.ids for row in every)))
        lengths, trained = [len(row) for row in rows], [sum(row.trained) for row in rows]
        shapes = step_shapes(lengths, trained, plan=plan, batch_size=batch_size)
        try:
            shape = replace(max(shapes, key=lambda one: _by_formula(card, one)), n_words=n_words)
            found = step_memory(plan, card, labels=labels, shape=shape)
        except (TunewrightError, *_UNCUT):
            return None
        kept = _kept_states(plan, card, every, machine=machine)
        return replace(found, caches=kept)

    return counted


def _by_formula(card: ModelCard, shape: StepShape) -> int:
    """Activations: which shape is counted, because counting both took twice as long."""
    rough = memory_plan(card, n_trainable=0, batch_size=shape.n_rows, length=shape.length, logit_rows=0)
    return rough.activations


def _kept_states(plan: Plan, card: ModelCard, rows: Sequence[Encoded], *, machine: Machine) -> int:
    """Bytes that model/trunk keeps in memory."""
    if _kinds(plan, n_layers=card.n_layers)[0] != "b":
        return 0
    lengths = {row.ids: min(len(row), plan.prepare.max_length) for row in rows}.values()
    n_bytes = FLOAT_BYTES * card.hidden_size * (len(lengths) if plan.train.method == "head" else sum(lengths))
    return n_bytes if n_bytes <= trunk_bytes(machine, limit=plan.run.memory_limit) else 0


def _at(x: float, places: Sequence[int], values: Sequence[float]) -> float:
    """The parabola through three points, at x. Source: Lagrange."""
    total = 0.0
    for place, value in zip(places, values, strict=True):
        for other in places:
            value *= (x - other) / (place - other) if other != place else 1.0
        total += value
    return total


@dataclass(frozen=True, slots=True)
class _Case:
    """All that the counts depend on, in a form that can be looked up."""

    card: ModelCard
    n_classes: int
    shape: StepShape
    plan: str


def _whole(case: _Case) -> Counts:
    """Counts of the whole model: a small one's, and for each kind of block what one more of it adds."""
    plan = Plan.model_validate(json.loads(case.plan))
    kinds = _kinds(plan, n_layers=case.card.n_layers)
    small = _small(kinds)
    counts = astuple(_counted(case, small))
    per_block = [0.0] * len(counts)
    total = list(counts)
    for kind in sorted(set(kinds)):
        more = astuple(_counted(case, _with_one(small, kind)))
        n_small, n_more = small.count(kind), kinds.count(kind) - small.count(kind)
        for i, (one, two) in enumerate(zip(counts, more, strict=True)):
            total[i] += n_more * (two - one)
            per_block[i] += n_small * (two - one)
    outside = Counts(*(one - blocks for one, blocks in zip(counts, per_block, strict=True)))
    return replace(Counts(*total), saved_outside=max(0.0, max(outside.forward_saved, outside.backward_saved)))


def _kinds(plan: Plan, *, n_layers: int) -> str:
    """A letter a block: b, frozen below every trained one; t, trained; p, frozen, with gradients passing through."""
    if plan.train.method == "head":
        return "b" * n_layers
    trained = layer_indices(plan.train.layers, n_layers=n_layers)
    return "".join("t" if i in trained else "b" if i < trained[0] else "p" for i in range(n_layers))


def _small(kinds: str) -> str:
    """The smallest stack that has every kind, in order, with the same kind on top.

    >>> _small("bbbtttt"), _small("tttt"), _small("bbtptp"), _small("tpt")
    ('bt', 't', 'btp', 'tpt')
    """
    found = "".join(kind for kind in "btp" if kind in kinds)
    return found if found[-1] == kinds[-1] else found + kinds[-1]


def _with_one(small: str, kind: str) -> str:
    """One block more, beside its like."""
    return small.replace(kind, 2 * kind, 1)


@lru_cache(maxsize=128)
def _counted(case: _Case, kinds: str) -> Counts:
    plan = Plan.model_validate(json.loads(case.plan))
    trained: tuple[int, ...] | str = tuple(i for i, kind in enumerate(kinds) if kind == "t")
    if plan.train.method == "head" or len(trained) == len(kinds):
        trained = "all"
    plan = plan.with_(train=plan.train.with_(layers=trained))
    shape, n_threads = case.shape, torch.get_num_threads()
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng())
        stack.callback(torch.set_num_threads, n_threads)
        torch.set_num_threads(1)  # small work: more threads than idle cores made it ten times slower
        loaded = slice_of(
            case.card,
            n_blocks=len(kinds),
            tokenizer=shared_tokenizer(case.card.path, trust_remote_code=plan.model.trust_remote_code),
            task=plan.task,
            labels=tuple(str(i) for i in range(case.n_classes)),
            dtype=plan.model.dtype,
            trust_remote_code=plan.model.trust_remote_code,
            quantization=plan.model.quantization,
        )
        loaded = adapted(loaded, plan.train, seed=0)
        if kinds[0] == "t":
            stack.callback(_as_if_blocks_lay_below(loaded.model))
        live = stack.enter_context(live_bytes())
        live.watch([*loaded.model.parameters(), *loaded.model.buffers(), *scales(loaded.model)])
        weights = live.now
        rows = _rows(case, n=case.shape.n_rows * case.shape.n_parts)
        is_frozen_below = kinds[0] == "b"  # then that part runs once, over more tokens at a time than a step does
        others = _rows(case, n=FILL_TOKENS // shape.length) if is_frozen_below else _words(shape.n_words)
        place = Place(memory_bytes=TRUNK_BYTES, folder=None) if is_frozen_below else None
        training = stack.enter_context(in_training(plan, loaded, rows, validation=others, place=place))
        return _steps(training, live, weights=weights)
    raise AssertionError("ExitStack hides no error")


def _as_if_blocks_lay_below(model: nn.Module) -> Callable[[], None]:
    """The first block's input gets a gradient, as all others' do: of many blocks it is one, of two it is half."""

    def with_gradient(_module: nn.Module, _inputs: object, states: Tensor) -> Tensor:
        return states if states.requires_grad else states.requires_grad_()

    inside = next(module for module in model.modules() if isinstance(module, PreTrainedModel))
    hook = inside.get_input_embeddings().register_forward_hook(with_gradient)
    return lambda: hook.remove()


def _rows(case: _Case, *, n: int) -> tuple[Encoded, ...]:
    """No two alike."""
    length, n_untrained = case.shape.length, case.shape.length - case.shape.n_trained
    return tuple(
        Encoded(
            "row",
            ids=tuple((row + i) % case.card.vocabulary_size for i in range(length)),
            trained=tuple(i >= n_untrained for i in range(length)),
            label_index=0 if case.n_classes else None,
            number=0.0 if case.n_classes else None,
            label_indices=(0,) if case.n_classes else None,
        )
        for row in range(n)
    )


def _words(n: int) -> tuple[Encoded, ...]:
    """A row that announces so many words, and is not run."""
    return (Encoded("words", ids=tuple(range(n)), trained=(False,) * n),)


def _steps(training: Training, live: Live, *, weights: int) -> Counts:
    """Two steps: the second has the optimizer's moments beside everything else."""
    forward, backward, update = [], [], []

    def timed(model: nn.Module, batch: Batch) -> Loss:
        backward.append(live.mark())
        loss = training.objective(model, batch)
        forward.append(live.mark())
        return loss

    hook = training.optimizer.register_step_pre_hook(lambda *_: backward.append(live.mark()))
    static = live.mark()
    live.settle()
    remaining, copies = live.watched, live.now - live.watched
    for _ in train_steps(replace(training, objective=timed)):
        update.append(live.mark())
    hook.remove()
    top_forward, top_backward = (max(peaks, key=lambda peak: peak.live) for peaks in (forward, backward))
    trainable = tuple(trainable_state(training.model).values())
    state = [value for of_one in training.optimizer.state.values() for value in of_one.values()]
    return Counts(
        weights=weights,
        weights_left=remaining,
        copies=copies,
        gradients=sum(p.numel() * p.element_size() for p in trainable),
        moments=sum(value.numel() * value.element_size() for value in state),
        large_gradients=_large(trainable),
        large_moments=_large(state),
        forward=top_forward.live,
        forward_saved=top_forward.saved,
        forward_large=top_forward.large,
        backward=top_backward.live,
        backward_saved=top_backward.saved,
        backward_large=top_backward.large,
        update=max(static.live, *(peak.live for peak in update)),
    )


def _large(tensors: Iterable[Tensor]) -> int:
    return sum(size for tensor in tensors if (size := tensor.numel() * tensor.element_size()) > HEAP_BYTES)
