"""What becomes of a call for which nobody waits any more: it is not sent, and its connection is nobody's."""

from __future__ import annotations

import gc
import sys
import threading
from contextlib import suppress
from typing import Any

import pytest

from tests.providers.sending.test_sdks import PATIENT, REQUEST, WIRES, Wire, target_of
from tests.wire import answer, serve
from tokenop.providers.base import Timeouts
from tokenop.providers.errors import ProviderError, TimedOutError
from tokenop.providers.sending import pump, sender_for


def threads_over() -> None:
    for thread in threading.enumerate():
        if thread.name == "answer":
            thread.join(10)


@pytest.mark.parametrize("name", WIRES)
def test_what_is_not_sent_in_time_is_not_sent_at_all(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_API_KEY", "k")
    wire, real = WIRES[name], threading.Thread
    held: list[threading.Thread] = []

    class Late(threading.Thread):
        def start(self) -> None:
            held.append(self)

    with serve([answer(wire.whole)]) as server:
        target = target_of(wire, server)
        sender: Any = sender_for(target)
        monkeypatch.setattr(pump.threading, "Thread", Late)
        with pytest.raises(TimedOutError):
            sender.send(REQUEST, target, Timeouts(5, 0.01, 0.01))
        monkeypatch.setattr(pump.threading, "Thread", real)
        [thread] = held
        real.start(thread)  # the machine was busy until now
        thread.join(10)
        assert server.received == []
        assert sender.send(REQUEST, target, PATIENT).text == "Hello"
        sender.close()


@pytest.mark.thorough
@pytest.mark.parametrize("name", WIRES)
def test_a_sender_that_is_closed_meanwhile_leaves_no_connection(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_API_KEY", "k")
    wire: Wire = WIRES[name]
    told: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    for number in range(200):
        wait = number % 30 / 3000
        with serve([answer(wire.whole)]) as server:
            target = target_of(wire, server)
            sender: Any = sender_for(target)
            with suppress(ProviderError):
                sender.send(REQUEST, target, Timeouts(5, wait, wait))
            sender.close()
            threads_over()
        del sender
    gc.collect()
    assert told == []
