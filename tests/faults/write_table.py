"""docs/faults.md, from what happens: `python -m tests.faults.write_table` lets every fault happen and writes it anew.

In: faults and their records. Out: the page. Its own file because the tests compare with the same lines that it writes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.faults.every import THEMES
from tests.faults.fault import Fault, Record, Scene, acts_of
from tests.faults.happen import records_of
from tests.tiny import save_tiny_decoder, save_tiny_encoder

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
AT_ONCE = 2
"""Faults that happen side by side: most of their time goes into starting."""


def line(done: str, record: Record) -> str:
    """One line of the page."""
    said = "<br>".join(_code(part) for part in record.message.splitlines())
    typed = f"<br>{_code(f'tunewright {record.typed}')}" if record.typed else ""
    return f"| {done}{typed} | {said} | {record.exit_code} | {record.kept} |"


def page(records: Mapping[str, Record]) -> str:
    """The whole file. records: by the name of the act."""
    parts = [_HEAD.format(n=sum(len(acts_of(fault)) for faults in THEMES.values() for fault in faults))]
    for theme, faults in THEMES.items():
        acts = {name: done for fault in faults for name, done in acts_of(fault).items()}
        parts.append(
            f"\n## {theme}\n\n| what was done | what is said | exit code | what is kept |\n|---|---|---|---|\n"
        )
        parts.append("".join(f"{line(done, records[name])}\n" for name, done in acts.items()))
    return "".join(parts)


def main() -> None:
    faults = [fault for some in THEMES.values() for fault in some]
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(AT_ONCE) as pool:
        root = Path(place)
        encoder, decoder = save_tiny_encoder(root / "encoder"), save_tiny_decoder(root / "decoder")

        def happened(fault: Fault) -> Mapping[str, Record]:
            folder = root / next(iter(acts_of(fault))) / "folder"
            folder.mkdir(parents=True)
            return records_of(fault, Scene(folder, encoder, decoder))

        records = {name: record for found in pool.map(happened, faults) for name, record in found.items()}
    PAGE.write_text(page(records), encoding="utf-8")


_HEAD = """# What can go wrong, and what is said then

{n} faults, each made by a test that runs the command: the exit code, the words and that the user's files are
unchanged are asserted (`tests/faults`). No fault ends in a traceback. This page is written by
`python -m tests.faults.write_table`; a test compares every line with what happens. Sizes and folders of the machine
are left out.

Exit codes: 0 done, 2 the plan or the words, 3 the data, 4 the model, 5 training, 6 measuring, 7 exporting, 8 a package
is missing, 9 the run's folder or the disk, 130 stopped (the same command goes on), 141 nobody reads the output.
"""


def _code(text: str) -> str:
    """As code in a cell of a table."""
    text = text.replace("|", "\\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`"


if __name__ == "__main__":
    main()
