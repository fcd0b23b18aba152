"""Whatever a user does wrong ends in words that help: every fault happens, and docs/faults.md tells what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.every import THEMES
from tests.faults.fault import Fault, Record, Scene
from tests.faults.happen import record_of
from tests.faults.write_table import AT_ONCE, PAGE, line, page

FAULTS = {fault.name: fault for faults in THEMES.values() for fault in faults}


@pytest.fixture(scope="module")
def records(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, tiny_decoder: Path
) -> Iterator[Callable[[str], Record]]:
    """What came of a fault. All that are asked for happen, two at once, in the order of the tests."""
    root = tmp_path_factory.mktemp("faults")

    def happened(fault: Fault) -> Record:
        folder = root / fault.name / "folder"
        folder.mkdir(parents=True)
        return record_of(fault, Scene(folder, tiny_encoder, tiny_decoder))

    asked = [item.callspec.params["name"] for item in request.session.items if _is_fault(item)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures: dict[str, Future[Record]] = {name: pool.submit(happened, FAULTS[name]) for name in asked}
        yield lambda name: futures[name].result()
        for future in futures.values():
            future.cancel()


def _is_fault(item: pytest.Item) -> bool:
    return item.path == Path(__file__) and "name" in getattr(getattr(item, "callspec", None), "params", {})


@pytest.mark.parametrize("name", FAULTS)
def test_fault_ends_in_words_that_help_and_stands_in_the_page(name: str, records: Callable[[str], Record]) -> None:
    told = line(FAULTS[name], records(name))
    written = PAGE.read_text(encoding="utf-8").splitlines()
    assert told in written, f"docs/faults.md says something else; python -m tests.faults.write_table\n{told}"


def test_page_tells_every_fault_and_no_other() -> None:
    nothing = Record("", 0, "", "")
    expected = page(dict.fromkeys(FAULTS, nothing)).splitlines()
    written = PAGE.read_text(encoding="utf-8").splitlines()
    assert [_first_words(text) for text in written] == [_first_words(text) for text in expected]


def test_page_tells_at_least_45_faults() -> None:
    assert len(FAULTS) == sum(map(len, THEMES.values())), "two faults of one name"
    assert len(FAULTS) >= 45


def _first_words(text: str) -> str:
    """A line of the page without what happened."""
    return text.split("<br>")[0].split(" | ")[0] if text.startswith("| ") else text
