"""Interrupt: one signal is remembered, a second Ctrl-C is not, and what was switched off stays off."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator

import pytest

from tunewright.core.interrupt import signals_interrupt, stop_request

if sys.platform == "win32":
    pytest.skip("signals between processes are another thing on Windows", allow_module_level=True)

ASKING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def _handlers_are_put_back() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in ASKING}
    yield
    assert {number: signal.getsignal(number) for number in ASKING} == before


@pytest.mark.parametrize("number", ASKING)
def test_stop_request_remembers_the_first_signal(number: signal.Signals) -> None:
    with stop_request() as is_asked:
        assert not is_asked()
        os.kill(os.getpid(), number)
        assert is_asked()


def test_stop_request_interrupts_when_ctrl_c_comes_twice() -> None:
    with stop_request():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_stop_request_waits_when_a_closed_terminal_hangs_up_twice() -> None:
    with stop_request() as is_asked:
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)
        assert is_asked()


@pytest.mark.parametrize("number", ASKING)
def test_signals_interrupt_as_ctrl_c_does(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt), signals_interrupt():
        os.kill(os.getpid(), number)


def test_signals_that_were_switched_off_stay_off_as_nohup_wants() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_interrupt(), stop_request() as is_asked:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not is_asked()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_stop_request_works_outside_the_main_thread_where_nobody_can_ask() -> None:
    found: list[bool] = []

    def work() -> None:
        with stop_request() as is_asked:
            found.append(is_asked())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]
