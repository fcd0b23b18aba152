"""Fixtures that several rooms share."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from tunewright.cli.main import QUIET_LIBRARIES

os.environ.setdefault("GOMP_SPINCOUNT", QUIET_LIBRARIES["GOMP_SPINCOUNT"])  # read when torch is loaded

import torch

from tests.tiny import save_tiny_decoder, save_tiny_encoder
from tunewright.core.run import Run

LONGEST_FIRST = (
    *("tests/faults/test_faults", "tests/docs/test_howtos", "tests/pipeline/test_kill", "tests/pipeline/test_export"),
    *("tests/pipeline/test_predict_killed", "tests/unit/verbs", "tests/unit/cli/test_cli_every", "tests/pipeline"),
    *("tests/unit/prepare", "tests/unit/export", "tests/unit/cli", "tests/numerics"),
)
"""Files and folders in the order in which they start. Each file is one process's to its end, so that a long one that
starts last leaves the other processes idle."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        found = (i for i, start in enumerate(LONGEST_FIRST) if item.nodeid.startswith(start))
        return next(found, len(LONGEST_FIRST))

    items.sort(key=place)  # stable: within a folder as they were


def pytest_runtest_setup() -> None:
    """Tiny models gain nothing from a second thread, and waiting threads burn a core that another test process needs.

    Before each test: a run sets the number of threads of its plan, and leaves it so.
    """
    torch.set_num_threads(1)


def pytest_collection_finish() -> None:
    """What is loaded by now stays: no collection looks at it again.

    A collection of torch's objects takes .4 s, and statsmodels asks for one at every call.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def tiny_decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny random chat model. Read only."""
    return save_tiny_decoder(tmp_path_factory.mktemp("tiny-decoder"))


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny random encoder. Read only."""
    return save_tiny_encoder(tmp_path_factory.mktemp("tiny-encoder"))


@pytest.fixture(scope="session")
def talking_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A trained run of a tiny chat model, an adapter, with the system message "Be kind.". Read only."""
    from tests.answering import talking_run  # the pipeline: only for those who ask

    return talking_run(tmp_path_factory.mktemp("talking"))


@pytest.fixture(scope="session")
def talkative_decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny random decoder with untied embeddings, which says much, half characters among it. Read only."""
    return save_tiny_decoder(tmp_path_factory.mktemp("talkative"), seed=6, tied=False)
