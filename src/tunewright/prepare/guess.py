"""Which task a table is for and which columns it needs, from their names and numbers.

In: counted columns and what the plan names. Out: Guess, with the reason for each part, or None when nothing fits.
Its own file because these are the rules of thumb; what the plan says and how it is told stands in detect.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tunewright.core.values import Task
from tunewright.prepare.columns import MAX_LABELS, MIN_PER_LABEL, Column
from tunewright.tables.names import LABEL, MESSAGES, NUMBER, PAIRS, STRONG_LABEL, STRONG_PROMPT, TEXT, plain

_MIN_PER_NAMED_LABEL = 2
"""A column that is called label, intent ... needs fewer repetitions: small files are common at the start."""
_LONG = 15
"""Mean characters of a column of sentences; the shortest public question set (Korean chatbot) has 14 to 16."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the plan leaves open and what it names."""

    task: Task | None
    named: dict[str, str | None]
    """Role to column; a role that is left open has no key."""


@dataclass(frozen=True, slots=True)
class Guess:
    task: Task
    columns: dict[str, str | None]
    why_task: str
    why: dict[str, str]
    """By role: the fact, the number and the rejected alternative."""


def guessed(columns: Sequence[Column], *, asked: Asked) -> Guess | None:
    """The first reading that holds, in the order of how much it says by itself; None when none does.

    A known pair of prompt and answer comes before a label without a telling name; a column called label, intent ...
    comes before the pair.
    """
    task = asked.task or _task_of_names(asked)
    if task is not None:
        sure: dict[Task, Callable[..., Guess | None]] = {
            "classify": _classify,
            "multilabel": _multilabel,
            "regress": _regress,
            "generate": _generate,
            "text": _text,
        }
        guess = sure[task](columns, asked=asked, is_sure=True)
        why = "the plan names columns for it" if asked.task is None else "the plan names it"
        if guess and asked.task is None and task == "classify" and (sets := _sets(columns, guess)):
            return replace(guess, task="multilabel", why_task=f"{why}, and {sets}")
        if guess and asked.task is None and task == "classify" and (number := _measured(columns, guess)):
            return replace(guess, task="regress", why_task=f"{why}, and {number}")
        return replace(guess, why_task=why) if guess else None
    return (
        _generate(columns, asked=asked, is_sure=False, only_known=True)
        or _multilabel(columns, asked=asked, is_sure=False)
        or _classify(columns, asked=asked, is_sure=False)
        or _regress(columns, asked=asked, is_sure=False)
        or _generate(columns, asked=asked, is_sure=False)
        or _text(columns, asked=asked, is_sure=False)
    )


def _task_of_names(asked: Asked) -> Task | None:
    """A task that the named columns leave no doubt about."""
    if any(asked.named.get(role) for role in ("prompt", "completion", "messages")):
        return "generate"
    return "classify" if asked.named.get("label") else None


def _classify(columns: Sequence[Column], *, asked: Asked, is_sure: bool) -> Guess | None:
    """Text beside a label: by name, else by numbers."""
    label, why_label = asked.named.get("label"), "named in the plan"
    if "label" not in asked.named:
        label, why_label = _label(columns, taken=[asked.named.get("text")], is_sure=is_sure)
        if label is None:
            return None
    texts = [c for c in columns if c.is_text and (is_sure or not _is_code(c))]
    why_not = "; text was rejected: there are labels to learn"
    return _beside("classify", label, texts, asked=asked, why=(why_label, why_not))


def _beside(
    task: Task, label: str | None, texts: Sequence[Column], *, asked: Asked, why: tuple[str, str]
) -> Guess | None:
    """Of what is learned, and the column that is read: the named one, else the best of `texts`; None without one.

    why: it is this label, and this task.
    """
    text, why_text = asked.named.get("text"), "named in the plan"
    if text is None:
        text, why_text = _best_text([c for c in texts if c.name != label])
    if text is None:
        return None
    why_task = f"column {text} holds text beside {label} ({why[0]}){why[1]}"
    return Guess(task, {"text": text, "label": label}, why_task, {"text": why_text, "label": why[0]})


def _multilabel(columns: Sequence[Column], *, asked: Asked, is_sure: bool) -> Guess | None:
    """Text beside lists of labels; where the plan asks for it, beside any column that may be labels."""
    label, why_label = asked.named.get("label"), "named in the plan"
    if "label" not in asked.named:
        free = [c for c in columns if c.name != asked.named.get("text") and c.n_filled and not c.is_turns]
        lists = [c for c in free if c.sets is not None and (c.sets.is_few or plain(c.name) in LABEL)]
        named = [c for c in free if plain(c.name) in LABEL] if is_sure else []
        lists.sort(key=lambda c: LABEL.index(plain(c.name)) if plain(c.name) in LABEL else len(LABEL))
        chosen = next(iter((*lists, *named)), None)
        if chosen is None:
            return _classify(columns, asked=asked, is_sure=True) if is_sure else None
        label, sets = chosen.name, chosen.sets
        why_label = f"lists of {sets.n_distinct:,} labels" if sets else "its name says labels"
    why_not = "; classify was rejected: rows have several labels"
    return _beside("multilabel", label, [c for c in columns if c.is_text], asked=asked, why=(why_label, why_not))


def _sets(columns: Sequence[Column], guess: Guess) -> str:
    """What says that the named column holds several labels a row; empty when it does not."""
    label = next((c for c in columns if c.name == guess.columns.get("label")), None)
    return f"{label.name} holds lists of {label.sets.n_distinct:,} labels" if label and label.sets else ""


def _regress(columns: Sequence[Column], *, asked: Asked, is_sure: bool) -> Guess | None:
    """Text beside a number. Unasked only where a name says what is to be learned and the column measures."""
    label, why_label = asked.named.get("label"), "named in the plan"
    if "label" not in asked.named:
        free = [c for c in columns if c.name != asked.named.get("text") and c.is_numeric and c.n_distinct > 1]
        if is_sure and not free:  # some cells are no numbers: those rows are left out, and counted
            free = [c for c in columns if plain(c.name) in (*LABEL, *NUMBER) and c.name != asked.named.get("text")]
        known = [c for c in free if plain(c.name) in (*LABEL, *NUMBER) and (is_sure or c.is_measured)]
        chosen = known or ([c for c in free if c.is_measured] or free if is_sure else [])
        if not chosen:
            return None
        label, why_label = chosen[0].name, f"{chosen[0].n_distinct:,} different numbers"
        others = [c.name for c in free if c.name != label]
        why_label += f"; rejected: {', '.join(others[:5])}" if others else "; no other column holds numbers"
    why_not = ", which measures: too many values for labels"
    return _beside("regress", label, [c for c in columns if c.is_text], asked=asked, why=(why_label, why_not))


def _measured(columns: Sequence[Column], guess: Guess) -> str:
    """What says that the named label is a number to learn; empty when it may be a label."""
    label = next((c for c in columns if c.name == guess.columns.get("label")), None)
    if label is None or not label.is_measured:
        return ""
    return f"{label.name} holds {label.n_distinct:,} different numbers, not labels; task=classify reads them as labels"


def _is_code(column: Column) -> bool:
    """Few short values: a second label, not what a model reads."""
    return column.is_few and column.mean_characters < _LONG


def _label(columns: Sequence[Column], *, taken: Sequence[str | None], is_sure: bool) -> tuple[str | None, str]:
    free = [c for c in columns if c.name not in taken and c.n_filled and not c.is_turns]
    few = [c for c in free if c.is_few or _is_named_label(c)]
    known = sorted((c for c in few if plain(c.name) in LABEL), key=lambda c: LABEL.index(plain(c.name)))
    if not few and is_sure:
        known = [c for c in free if plain(c.name) in LABEL][:1]
        few = known or sorted((c for c in free if c.n_distinct < c.n_filled), key=lambda c: c.n_distinct)[:1]
    # Without a telling name: one with more than one value, the last such column (labels stand last or first).
    chosen = known[0] if known else next((c for c in reversed(few) if c.n_distinct > 1), few[-1] if few else None)
    if chosen is None:
        return None, f"no column has at most {MAX_LABELS} values seen {MIN_PER_LABEL} times each on average"
    others = [c.name for c in few if c is not chosen]
    seen = f"{chosen.n_distinct:,} values, each seen {chosen.per_value:,.0f} times on average"
    why = f"{seen}{'; every row has the same one' if chosen.n_distinct == 1 else ''}"
    return chosen.name, why + (f"; rejected: {', '.join(others[:5])}" if others else "; no other column fits")


def _is_named_label(column: Column) -> bool:
    is_named = plain(column.name) in STRONG_LABEL
    return is_named and column.per_value >= _MIN_PER_NAMED_LABEL and column.mean_characters < 2 * _LONG


def _best_text(columns: Sequence[Column]) -> tuple[str | None, str]:
    """The column with a known name, else the one with the longest text; a name wins only over shorter names' text."""
    known = sorted((c for c in columns if plain(c.name) in TEXT), key=lambda c: TEXT.index(plain(c.name)))
    chosen = known[0] if known else max(columns, key=lambda c: c.mean_characters, default=None)
    if chosen is None:
        return None, "no column holds text"
    others = [f"{c.name} ({c.mean_characters:.0f})" for c in columns if c is not chosen]
    why = "its name says text" if known else "it holds the longest text"
    why += f" and it has {chosen.mean_characters:.0f} characters on average"
    return chosen.name, why + (f"; rejected: {', '.join(others[:5])}" if others else "; no other column holds text")


def _generate(columns: Sequence[Column], *, asked: Asked, is_sure: bool, only_known: bool = False) -> Guess | None:
    """Conversations, or a prompt and an answer."""
    named = asked.named
    if not named.get("prompt") and not named.get("completion"):
        turns = [c for c in columns if c.is_turns and ("messages" not in named or c.name == named["messages"])]
        turns.sort(key=lambda c: MESSAGES.index(plain(c.name)) if plain(c.name) in MESSAGES else len(MESSAGES))
        if turns:
            why = f"{turns[0].n_filled:,} cells are conversations (lists of turns with a role)"
            return Guess("generate", {"messages": turns[0].name}, f"column {turns[0].name}: {why}", {"messages": why})
        if named.get("messages"):
            why = "named in the plan"
            return Guess("generate", {"messages": named["messages"]}, why, {"messages": why})
    pair = _pair(columns, named=named, only_known=only_known)
    if pair is None:
        pair = None if only_known else _plain_pair(columns, named=named, is_sure=is_sure)
    if pair is None:
        return None
    prompt, completion, why = pair
    few = [c for c in columns if c.is_few and c.name not in (prompt, completion)]
    beside = f"{few[0].name} ({few[0].n_distinct} values) has no label's name" if few else "no label column beside them"
    why_task = f"columns {prompt} and {completion}: {why}; classify was rejected: {beside}"
    found: dict[str, str | None] = {"prompt": prompt, "completion": completion}
    return Guess("generate", found, why_task, {"prompt": why, "completion": why})


def _pair(columns: Sequence[Column], *, named: dict[str, str | None], only_known: bool) -> tuple[str, str, str] | None:
    """Prompt and answer by name.

    only_known: both are texts of their own, and no column beside them says that it is the label: `category` beside
    instruction and response (Dolly) does not, `label` beside question and answer does.
    """
    by_name = {plain(c.name): c for c in reversed(columns) if c.n_filled and not c.is_numeric}
    labels = {plain(c.name) for c in columns if c.is_few} & set(STRONG_LABEL)
    for first, second in PAIRS:
        prompt, completion = by_name.get(first), by_name.get(second)
        if prompt is None or completion is None:
            continue
        is_labelled = bool(labels - {"category", "class"} if first in STRONG_PROMPT else labels)
        if only_known and (is_labelled or _is_code(prompt) or _is_code(completion)):
            continue
        names = named.get("prompt") or prompt.name, named.get("completion") or completion.name
        if names[0] != names[1]:
            return *names, f"a known pair of names ({first}, {second}), {prompt.n_filled:,} rows"
    return None


def _plain_pair(
    columns: Sequence[Column], *, named: dict[str, str | None], is_sure: bool
) -> tuple[str, str, str] | None:
    """Two columns of sentences without telling names: the first asks, the second answers."""
    texts = [c.name for c in columns if c.is_text and c.mean_characters >= (2 if is_sure else _LONG)]
    fixed = [named.get("prompt"), named.get("completion")]
    if not any(fixed) and len(texts) != 2 and not (is_sure and len(texts) > 2):
        return None
    free = [name for name in texts if name not in fixed]
    prompt = fixed[0] or (free.pop(0) if free else None)
    completion = fixed[1] or (free.pop(0) if free else None)
    if prompt is None or completion is None:
        return None
    is_named = "named in the plan" if any(fixed) else "the only two columns of sentences, in this order"
    return prompt, completion, is_named


def _text(columns: Sequence[Column], *, asked: Asked, is_sure: bool) -> Guess | None:
    text, why = asked.named.get("text"), "named in the plan"
    if text is None:
        text, why = _best_text([c for c in columns if c.is_text])
    if text is None:
        return None
    why_task = (
        f"classify was rejected: no column has at most {MAX_LABELS} values seen {MIN_PER_LABEL} times each on average; "
        "generate was rejected: no prompt and answer, no messages"
    )
    return Guess("text", {"text": text}, why_task, {"text": why})
