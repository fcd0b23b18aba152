"""The user's own metric: a Python function that says how good a written answer is.

In: FILE.py or FILE.py:FUNCTION, Predictions. Out: the Predictions with what the function gave each.
Its own file because it runs code that is not ours: whatever that does, a row without a number counts as missing.
"""

from __future__ import annotations

import inspect
import math
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from tunewright.core.errors import PlanError
from tunewright.core.events import NoteEvent, Tracker
from tunewright.core.values import Prediction
from tunewright.evaluate.score import is_answered

FIELD = "evaluate.scorer"
FUNCTION = "score"
"""Taken where the plan names none."""
EXAMPLE = "def score(answer, reference): return float(answer == reference)"

Function = Callable[..., object]


@dataclass(frozen=True, slots=True)
class _Missing:
    """A row that the function gave no number."""

    row_id: str
    why: str


def whole_name(text: str, *, folder: Path) -> str:
    """The same with a whole path, so that it means the same from everywhere.

    >>> whole_name("mine.py:close", folder=Path("/plans"))
    '/plans/mine.py:close'
    """
    path, function = _parts(text)
    return f"{(folder / path).resolve()}:{function}"


def scorer_file(text: str) -> Path:
    return Path(_parts(text)[0])


def loaded_scorer(text: str) -> Function:
    """The function; its file is run.

    Raises PlanError for a file that is not there or does not run, or that has no such function.
    """
    name, function = _parts(text)
    path = Path(name)
    if not path.is_file() or path.suffix != ".py":
        raise PlanError(
            f"{path.name} is no Python file" if path.exists() else f"there is no file {path.name}",
            where=FIELD,
            why=str(path),
            fix=f"{FIELD}=scorer.py, a file with: {EXAMPLE}",
        )
    spec = spec_from_file_location("tunewright_scorer", path)
    assert spec is not None, "a .py file has a loader"
    assert spec.loader is not None, "a .py file has a loader"
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever their file does
        raise PlanError(
            f"{path.name} cannot be run", where=FIELD, why=_told(error, path), fix=f"mend {path}"
        ) from error
    found = getattr(module, function, None)
    if not callable(found):
        names = [n for n, value in vars(module).items() if inspect.isfunction(value) and value.__module__ == spec.name]
        raise PlanError(
            f"{path.name} has no function {function}",
            where=FIELD,
            why=f"its functions: {', '.join(names)}" if names else "it has no function",
            fix=f"{FIELD}={path.name}:{names[0]}" if names else f"write one: {EXAMPLE}",
        )
    return found  # type: ignore[no-any-return]


def own_scores(
    predictions: Sequence[Prediction], *, scorer: str, prompts: Mapping[str, str], tell: Tracker
) -> tuple[Prediction, ...]:
    """Each written answer with what the function gives it; nan for a row that it gives none, which is told.

    prompts: what each row asked, for a function of three parameters.
    """
    function = loaded_scorer(scorer)
    takes_prompt = _n_parameters(function) > 2
    out: list[Prediction] = []
    missing: list[_Missing] = []
    for prediction in predictions:
        if not is_answered(prediction) or not prediction.reference:
            out.append(prediction)
            continue
        given = (prediction.answer, prediction.reference, prompts.get(prediction.row_id, ""))
        value, why = _called(function, given if takes_prompt else given[:2], path=scorer_file(scorer))
        missing += [_Missing(prediction.row_id, why)] if why else []
        out.append(replace(prediction, own_score=value))
    if missing:
        which = f"{len(missing):,} of {len(out):,} answers of {predictions[0].system}"
        first = f"first {missing[0].row_id}: {missing[0].why}"
        tell(NoteEvent(f"{FIELD}: no number for {which}, which count as missing; {first}", level="warning"))
    return tuple(out)


def _called(function: Function, given: tuple[str, ...], *, path: Path) -> tuple[float, str]:
    """(the number, nothing), or (nan, why there is none)."""
    try:
        value = function(*given)
    except Exception as error:  # whatever their function does
        return math.nan, _told(error, path)
    if not isinstance(value, int | float) and not hasattr(value, "__float__"):
        return math.nan, f"it gave {type(value).__name__} instead of a number"
    number = float(value)
    return (number, "") if math.isfinite(number) else (math.nan, f"it gave {number}")


def _n_parameters(function: Function) -> int:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a function of C
        return 2
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty for p in parameters)


def _parts(text: str) -> tuple[str, str]:
    path, colon, function = text.rpartition(":")
    return (path, function or FUNCTION) if colon and path.endswith(".py") else (text, FUNCTION)


def _told(error: BaseException, path: Path) -> str:
    """What it raised, and at which line of their file."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    at = f" (line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}: {error}{at}" if str(error) else f"{type(error).__name__}{at}"
