"""Writes docs/verbs/*.md and docs/plan.schema.json from the code: python -m tests.docs.write_verb_pages"""

from __future__ import annotations

from pathlib import Path

from tunewright.cli.answers import ANSWERS, ANSWERS_WITH, EXITS
from tunewright.cli.help import OTHER_CODES, error_kinds
from tunewright.cli.usage import usage, verb_command
from tunewright.cli.verbs import GROUPS, VERBS
from tunewright.core.errors import TunewrightError
from tunewright.core.files import json_text
from tunewright.core.schema import plan_schema

DOCS = Path(__file__).parents[2] / "docs"
MADE = "<!-- made from the code by `make docs` -->"


def pages() -> dict[str, str]:
    """Text by path below docs/."""
    found = {f"verbs/{name}.md": verb_page(name) for name in VERBS}
    return {**found, "verbs/README.md": index_page(), "plan.schema.json": json_text(plan_schema()) + "\n"}


def verb_page(name: str) -> str:
    found = usage(name, verb_command(name))
    lines = [MADE, f"# {name}", "", found.about, "", "```console", found.line, "```", ""]
    lines += _table(("word", "what it is"), found.words) if found.words else []
    lines += _table(("option", "what it does"), found.options)
    lines += ["## Example", "", "```console", found.example, "```", ""]
    lines += ["## What `--json` holds", "", *_table(("key", "what it is"), tuple(ANSWERS[name].items()))]
    for option, answer in ANSWERS_WITH.get(name, {}).items():
        lines += [f"With `{option}`:", "", *_table(("key", "what it is"), tuple(answer.items()))]
    own = f"{EXITS[name][0].upper()}{EXITS[name][1:]}; others" if name in EXITS else "0 when it is done; others"
    return "\n".join([*lines, "## Exit codes", "", f"{own}: [exit codes](README.md#exit-codes).", ""])


def index_page() -> str:
    lines = [MADE, "# Every verb", ""]
    for group in GROUPS:
        rows = tuple((f"[{n}]({n}.md)", v.summary, f"`{v.example}`") for n, v in VERBS.items() if v.group == group)
        lines += [f"## {group}", "", *_table(("verb", "what it does", "example"), rows, is_code=False)]
    codes = {code: text for code, text in OTHER_CODES.items() if code < 2}
    codes |= {
        kind.exit_code: f"{n}: {_first_line(kind)}"
        for n, kind in error_kinds().items()
        if kind.__base__ is TunewrightError
    }
    codes |= {code: text for code, text in OTHER_CODES.items() if code > 9}
    rows = tuple((str(code), text) for code, text in codes.items())
    return "\n".join([*lines, "## Exit codes", "", *_table(("code", "what it means"), rows)])


def _first_line(kind: type) -> str:
    return str(kind.__doc__).splitlines()[0]


def _table(head: tuple[str, ...], rows: tuple[tuple[str, ...], ...], *, is_code: bool = True) -> list[str]:
    def cell(text: str) -> str:
        return text.replace("|", "\\|")

    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for first, *rest in rows:
        lines.append(f"| {' | '.join([cell(f'`{first}`' if is_code else first), *map(cell, rest)])} |")
    return [*lines, ""]


def main() -> None:
    for path, text in pages().items():
        (DOCS / path).parent.mkdir(exist_ok=True)
        (DOCS / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
