"""Delay locks and shutdown signals, with a stand-in for logind on a private message bus."""

import asyncio
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import pytest
from jeepney import DBusAddress, HeaderFields, MessageType, new_method_return, new_signal
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import DBusConnection, open_dbus_connection

from nodeagent.adapters.host.logind import Logind
from nodeagent.errors import HostError

CONFIG = """\
<busconfig><type>session</type><listen>unix:path={path}</listen>
<policy context="default"><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
"""
MANAGER = DBusAddress(
    "/org/freedesktop/login1",
    bus_name="org.freedesktop.login1",
    interface="org.freedesktop.login1.Manager",
)


class StandIn:
    """Answers as logind and systemd do; holds the reading ends of the locks it gave."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.delay = 5_000_000
        self.after_reload = 5_000_000
        self.inhibits: list[tuple[str, ...]] = []
        self.reloads: list[tuple[Any, ...]] = []
        self.locks: list[int] = []
        self.ready = threading.Event()
        self.ended = threading.Event()
        self.signals: list[bool] = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        assert self.ready.wait(5)

    def serve(self) -> None:
        with open_dbus_connection(self.address, enable_fds=True) as bus:
            for name in ("org.freedesktop.login1", "org.freedesktop.systemd1"):
                bus.send_and_get_reply(message_bus.RequestName(name))
            self.ready.set()
            while not self.ended.is_set():
                while self.signals:
                    bus.send(new_signal(MANAGER, "PrepareForShutdown", "b", (self.signals.pop(0),)))
                with suppress(TimeoutError):
                    message = bus.receive(timeout=0.02)
                    if message.header.message_type is MessageType.method_call:
                        self.answer(bus, message)

    def answer(self, bus: DBusConnection, call: Any) -> None:
        member = call.header.fields[HeaderFields.member]
        if member == "Inhibit":
            mine, theirs = os.pipe()
            self.inhibits.append(call.body)
            self.locks.append(mine)
            bus.send(new_method_return(call, "h", (theirs,)))
            os.close(theirs)
        elif member == "Get":
            bus.send(new_method_return(call, "v", (("t", self.delay),)))
        elif member == "KillUnit":
            self.reloads.append(call.body)
            self.delay = self.after_reload
            bus.send(new_method_return(call))

    def is_held(self, index: int = -1) -> bool:
        """Whether somebody still holds the lock: else its pipe is at its end."""
        os.set_blocking(self.locks[index], False)
        try:
            return os.read(self.locks[index], 1) != b""
        except BlockingIOError:
            return True

    def close(self) -> None:
        self.ended.set()
        self.thread.join(5)
        for lock in self.locks:
            os.close(lock)


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[str]:
    if shutil.which("dbus-daemon") is None:
        pytest.skip("dbus-daemon is not installed")
    path, config = tmp_path / "bus", tmp_path / "config"
    config.write_text(CONFIG.format(path=path))
    daemon = subprocess.Popen(["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile"])
    try:
        deadline = time.monotonic() + 5
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        yield f"unix:path={path}"
    finally:
        daemon.terminate()
        daemon.wait()


@pytest.fixture
def stand_in(bus: str) -> Iterator[StandIn]:
    found = StandIn(bus)
    yield found
    found.close()


async def soon(check: Any) -> None:
    async with asyncio.timeout(5):
        while not check():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def logind(stand_in: StandIn, tmp_path: Path) -> Logind:
    return Logind(bus=stand_in.address, drop_in=tmp_path / "conf.d" / "99-nodeagent.conf")


async def test_a_delay_lock_is_held_until_it_is_released(stand_in: StandIn, tmp_path: Path) -> None:
    power = logind(stand_in, tmp_path)
    async with aclosing(power.shutdowns(need=5.0)) as told:
        first = asyncio.ensure_future(anext(told))
        await soon(lambda: stand_in.locks)
        what, who, _, mode = stand_in.inhibits[0]
        assert (what, who, mode) == ("shutdown", "nodeagent", "delay")
        assert stand_in.is_held() and not first.done()
        stand_in.signals.append(True)
        assert await first is True
        assert stand_in.is_held()
        await power.release()
        assert not stand_in.is_held()
        stand_in.signals.append(False)
        assert await anext(told) is False
        assert len(stand_in.locks) == 2 and stand_in.is_held()
    assert not stand_in.is_held()


async def test_the_longest_delay_is_raised_where_it_is_too_short(
    stand_in: StandIn, tmp_path: Path
) -> None:
    stand_in.after_reload = 30_000_000
    power = logind(stand_in, tmp_path)
    async with aclosing(power.shutdowns(need=30.0)) as told:
        first = asyncio.ensure_future(anext(told))
        await soon(lambda: stand_in.locks)
        text = (tmp_path / "conf.d" / "99-nodeagent.conf").read_text()
        assert text.endswith("[Login]\nInhibitDelayMaxSec=30\n")
        assert stand_in.reloads == [("systemd-logind.service", "all", 1)]
        first.cancel()
        await asyncio.wait({first})


async def test_without_a_bus_there_is_an_error_that_says_so(tmp_path: Path) -> None:
    power = Logind(bus=f"unix:path={tmp_path}/none", drop_in=tmp_path / "x")
    with pytest.raises(HostError, match="logind"):
        await anext(power.shutdowns(need=1.0))


async def test_a_bus_without_logind_is_an_error_too(bus: str, tmp_path: Path) -> None:
    power = Logind(bus=bus, drop_in=tmp_path / "x")
    with pytest.raises(HostError):
        await anext(power.shutdowns(need=1.0))


@pytest.mark.parametrize(("said", "stopping"), [("stopping", True), ("running", False)])
async def test_systemd_is_asked_whether_the_system_stops(
    tmp_path: Path, said: str, stopping: bool
) -> None:
    program = tmp_path / "systemctl"
    program.write_text(f'#!/bin/sh\n[ "$*" = is-system-running ] && echo {said}\nexit 1\n')
    program.chmod(0o755)
    assert await Logind(systemctl=str(program)).is_stopping() is stopping


async def test_without_systemd_the_system_is_not_being_stopped(tmp_path: Path) -> None:
    assert await Logind(systemctl=str(tmp_path / "none")).is_stopping() is False
