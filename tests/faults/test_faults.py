"""Whatever a user does wrong ends in words that help: every fault happens, and docs/faults.md tells what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.every import THEMES
from tests.faults.fault import Fault, Record, Scene, acts_of
from tests.faults.happen import records_of
from tests.faults.write_table import AT_ONCE, PAGE, line, page

FAULT_OF: dict[str, Fault] = {name: fault for faults in THEMES.values() for fault in faults for name in acts_of(fault)}
"""By the name of each act."""


@pytest.fixture(scope="module")
def record_of(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, tiny_decoder: Path
) -> Iterator[Callable[[str], Record]]:
    """What came of an act. All that are asked for happen, two at once, in the order of the tests."""
    root = tmp_path_factory.mktemp("faults")

    def happened(fault: Fault) -> Mapping[str, Record]:
        folder = root / next(iter(acts_of(fault))) / "folder"
        folder.mkdir(parents=True)
        return records_of(fault, Scene(folder, tiny_encoder, tiny_decoder))

    asked = [name for item in request.session.items if (name := _act(item)) in FAULT_OF]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        happening: dict[int, Future[Mapping[str, Record]]] = {}
        for fault in (FAULT_OF[name] for name in asked):
            if id(fault) not in happening:
                happening[id(fault)] = pool.submit(happened, fault)
        yield lambda name: happening[id(FAULT_OF[name])].result()[name]
        for future in happening.values():
            future.cancel()


def _act(item: pytest.Item) -> str:
    """Name of the act that a test is about; empty for other tests."""
    callspec = vars(item).get("callspec")
    return str(callspec.params.get("name", "")) if callspec and item.path == Path(__file__) else ""


@pytest.mark.timeout(1800)  # the first waits for what happens before it
@pytest.mark.parametrize("name", FAULT_OF)
def test_fault_ends_in_words_that_help_and_stands_in_the_page(name: str, record_of: Callable[[str], Record]) -> None:
    told = line(acts_of(FAULT_OF[name])[name], record_of(name))
    written = PAGE.read_text(encoding="utf-8").splitlines()
    assert told in written, f"docs/faults.md says something else; python -m tests.faults.write_table\n{told}"


def test_page_tells_every_fault_and_no_other() -> None:
    nothing = Record("", 0, "", "")
    expected = page(dict.fromkeys(FAULT_OF, nothing)).splitlines()
    written = PAGE.read_text(encoding="utf-8").splitlines()
    assert [_first_words(text) for text in written] == [_first_words(text) for text in expected]


def test_page_tells_at_least_45_faults() -> None:
    assert len(FAULT_OF) == sum(len(acts_of(f)) for faults in THEMES.values() for f in faults), "two of one name"
    assert len(FAULT_OF) >= 45


def _first_words(text: str) -> str:
    """A line of the page without what happened."""
    return text.split("<br>")[0].split(" | ")[0] if text.startswith("| ") else text
