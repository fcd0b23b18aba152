"""What the JSON object of each verb holds, and exit codes that mean something of its own.

In: nothing. Out: ANSWERS, verb -> key -> meaning; EXITS. Its own file because programs rely on these names: a test runs
every verb and compares.
"""

from __future__ import annotations

from collections.abc import Mapping

_RUN = "the run's folder"
_WAS_FINISHED = "true: nothing had to be done"
_SECONDS = "how long this call took"
_REQUIREMENTS = "of evaluate.require: condition, is_met, found; empty before evaluation"
_OUTCOME = {
    "run": _RUN,
    "verdict": "status (better, worse, not distinguishable), sentence, details",
    "metrics": "evaluate/metrics.json: every system, every number with n, interval and unit",
    "requirements": _REQUIREMENTS,
    "report": "the page's path",
    "was_finished": _WAS_FINISHED,
    "seconds": _SECONDS,
}


def _stage(result: str) -> Mapping[str, str]:
    return {
        "run": _RUN,
        "stage": "its name",
        "result": f"as in {result}",
        "requirements": _REQUIREMENTS,
        "was_finished": _WAS_FINISHED,
        "seconds": _SECONDS,
    }


ANSWERS: Mapping[str, Mapping[str, str]] = {
    "demo": _OUTCOME,
    "run": _OUTCOME,
    "check": {
        "files": "how each file was read, a sentence each",
        "rows_read": "rows of all files; rows_read = rows_kept + dropped",
        "rows_kept": "rows by split",
        "dropped": "rows by reason",
        "repaired": "rows by reason",
        "task": "classify, generate or text",
        "why_task": "what speaks for it",
        "columns": "what a column is for -> its name",
        "n_labels": "classes",
        "findings": "check, severity, message, row_ids, suggestion, action",
        "checks": "check -> status (ok, found, not run) and why",
        "cards": "check, the first rows behind its findings (texts in pieces, masked), mended cells",
        "model": "the model, the resolved plan, tokens, memory, time, costs; null when it stopped before",
        "error": "why a run cannot start; null: it can",
    },
    "init": {
        "path": "where the plan was written; null: nowhere",
        "text": "the plan as text, with its comments",
        "plan": "what it resolves to",
        "choices": "field, value, reason of each decision",
        "left_out": "with --from: key, value, why of what the plan does not say",
    },
    "predict": {
        "run": _RUN,
        "input": "the file that was read",
        "output": "the file that was written",
        "rows": "rows with an answer + rows_with_error",
        "rows_with_error": "rows whose error cell says why there is none",
        "seconds": _SECONDS,
        "rows_per_second": "of the rows answered now; null when there were none",
        "columns": "our columns -> what they are called in the file",
        "was_finished": _WAS_FINISHED,
    },
    "chat": {"run": _RUN, "task": "classify, generate or text", "turns": "what was said and answered, in order"},
    "report": {
        "run": _RUN,
        "report": "the page's path",
        "verdict": "status, sentence, details; empty before evaluation",
        "is_opened": "a browser was started",
    },
    "runs": {"runs_dir": "the runs folder", "runs": "one object a run, the newest first"},
    "help": {"word": "what was asked", "entries": "kind, name and lines of each meaning"},
    "prepare": _stage("prepare/ledger.json"),
    "select": _stage("select/candidates.json"),
    "train": _stage("train/summary.json"),
    "evaluate": _stage("evaluate/metrics.json"),
    "explain": _stage("explain/explanations.json"),
    "export": {**_stage("export/export.json"), "pushed": "with --push: the address; else null"},
    "show": {
        "plan": "the resolved plan",
        "choices": "field, value, reason of each decision",
        "notes": "how plan and data were understood",
        "predicted_peak_memory_bytes": "of the training",
    },
    "trace": {
        "run": _RUN,
        "row_id": "the row",
        "task": "classify, generate or text",
        "source": "the file and its cells as written",
        "dropped": "why it went no further; null: it did",
        "split": "train, validation or test",
        "row": "as it was cleaned",
        "findings": "those that name this row",
        "model": "whose tokens these are",
        "labels": "class names in their order",
        "tokens": "id, text and whether it is trained, of every token",
        "answers": "every system's answer and scores; empty outside test",
    },
    "why": {
        "run": _RUN,
        "task": "classify or generate",
        "explanation": "the answer, each word's weight, the check against random words",
    },
    "compare": {
        "task": "classify, generate or text",
        "primary_metric": "what decides",
        "rows": "shared test rows",
        "sides": "each run: model, metrics on the shared rows, seconds, memory",
        "comparisons": "every pair by every metric: difference, interval, p, p_holm, verdict",
        "not_compared": "metric -> why",
        "differences": "plan fields that are not the same everywhere",
    },
    "serve": {
        "run": _RUN,
        "url": "where it answers; told when it does, not at the end",
        "task": "classify, generate or text",
        "models": "who can be named as model",
    },
    "models": {"models": "list: one object a model; add: name, path, was_there; info: facts, effort, sources of one"},
    "doctor": {
        "is_ok": "nothing is wrong",
        "checks": "name, status, found, fix",
        "machine": "what this machine can do",
        "tunewright": "this version",
    },
    "selftest": {
        "model": "whose promises these are",
        "task": "classify, generate or text",
        "method": "full, lora or head",
        "row_ids": "the rows that were used",
        "probes": "name, status (ok, failed, not run), what was found, row_ids that break it",
        "seconds": _SECONDS,
        "is_ok": "nothing failed",
    },
    "reproduce": {
        "run": _RUN,
        "again": "the second run's folder",
        "was_finished": "true: the second run was there already",
        "found": "verdict, changes, weights, losses, metrics, answers: what differs",
    },
    "completion": {"shell": "its name", "install": "a line that loads it in every new shell", "script": "the script"},
}
"""`models` has another object for each action; `show --schema` prints the schema itself."""

ANSWERS_WITH: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "compare": {
        "--blind SYSTEM": {
            "run": _RUN,
            "page": "the page's path",
            "key": "path of what says which side was whose: not for those who vote",
            "systems": "the run's model, its rival",
            "pairs": "prompts on the page",
            "equal": "rows left out because their two answers are the same",
            "not_written": "rows left out because one of the two wrote nothing for them",
            "was_finished": "true: the same page was there",
        },
        "--votes": {
            "run": _RUN,
            "page": "the page's fingerprint",
            "systems": "the run's model, its rival",
            "pairs": "prompts on the page",
            "equal": "rows that are not on it because their two answers are the same",
            "is_current": "the run's answers are still those that people saw",
            "counted": "preference (wins, losses, ties, share, ci95, p_value, verdict), sentence, details, raters, "
            "agreement, rows_voted, more_votes",
        },
    },
}
"""Verb -> option -> what is held instead."""

_MISSED = "6 when the model misses what evaluate.require asks: all is written, nothing is exported"
EXITS: Mapping[str, str] = {
    "run": _MISSED,
    "evaluate": _MISSED,
    "export": _MISSED,
    "check": "the code that a run would end with",
    "doctor": "1 when there is a problem",
    "reproduce": "6 when it differs and nothing that went in explains it",
    "selftest": "6 when a promise does not hold",
}
"""Beside those that every verb has."""
