"""Hold the machine's shutdown back through systemd-logind, and hear of it (inhibitor locks)."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from nodeagent.errors import HostError

log = structlog.get_logger()

SYSTEM_BUS = "unix:path=/run/dbus/system_bus_socket"
DROP_IN = Path("/etc/systemd/logind.conf.d/99-nodeagent.conf")
_LOGIND, _OBJECT = "org.freedesktop.login1", "/org/freedesktop/login1"
_MANAGER = f"{_LOGIND}.Manager"
_SYSTEMD, _SYSTEMD_OBJECT = "org.freedesktop.systemd1", "/org/freedesktop/systemd1"
_LIMIT = 10.0  # seconds for one answer
_RELOAD_LIMIT = 5.0  # seconds for logind to take up a new setting
_SYSTEMCTL = "systemctl"
_SYSTEMCTL_LIMIT = 3.0


class Logind:
    """Implements the engine's `Power`. One delay lock at most is held."""

    def __init__(
        self, *, bus: str = SYSTEM_BUS, drop_in: Path = DROP_IN, systemctl: str = _SYSTEMCTL
    ) -> None:
        self._bus, self._drop_in, self._systemctl = bus, drop_in, systemctl
        self._lock: int | None = None

    async def shutdowns(self, *, need: float) -> AsyncGenerator[bool, None]:
        """True: about to go down; False: called off. HostError where logind cannot be had."""
        try:
            async for told in self._follow(need):
                yield told
        except (OSError, EOFError, TimeoutError, RuntimeError) as error:
            raise _failed("follow", str(error) or type(error).__name__) from error
        finally:
            await self.release()

    async def release(self) -> None:
        """Give the lock back, if there is one."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def is_stopping(self) -> bool:
        """Whether systemd stops the whole system; False where there is no systemd to ask."""
        try:
            asked = await asyncio.create_subprocess_exec(
                self._systemctl,
                "is-system-running",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError:
            return False
        try:
            async with asyncio.timeout(_SYSTEMCTL_LIMIT):
                said, _ = await asked.communicate()
        except TimeoutError:
            asked.kill()
            await asked.wait()
            return False
        return said.strip() == b"stopping"

    async def _follow(self, need: float) -> AsyncGenerator[bool, None]:
        from jeepney import MatchRule, MessageType, message_bus  # late: only where it is asked for
        from jeepney.io.asyncio import open_dbus_connection

        signals = MatchRule(
            type="signal",
            sender=_LOGIND,
            interface=_MANAGER,
            member="PrepareForShutdown",
            path=_OBJECT,
        )
        async with asyncio.timeout(_LIMIT):
            connection = await open_dbus_connection(self._bus)
        async with connection:
            await connection.send(message_bus.AddMatch(signals))
            await asyncio.to_thread(self._arrange, need)
            log.info("shutdowns of the machine wait for the pods", seconds=need)
            while True:
                message = await connection.receive()
                fields = message.header.fields
                if message.header.message_type is not MessageType.signal:
                    continue
                if "PrepareForShutdown" not in fields.values():
                    continue
                going_down = bool(message.body[0])
                if not going_down and self._lock is None:
                    await asyncio.to_thread(self._take_lock)
                yield going_down

    # --- blocking calls, in a thread ----------------------------------------------------------

    def _arrange(self, need: float) -> None:
        """logind waits long enough, and the lock is taken."""
        allowed = self._longest_delay()
        if allowed < need:
            self._raise_delay(need)
            allowed = self._longest_delay()
        if allowed < need:
            log.warning(
                "logind gives less time than shutdownGracePeriod asks for",
                seconds=allowed,
                wanted=need,
                setting="InhibitDelayMaxSec",
            )
        self._take_lock()

    def _longest_delay(self) -> float:
        """InhibitDelayMaxSec as it is in force."""
        body = (_MANAGER, "InhibitDelayMaxUSec")
        answer = self._call(_LOGIND, _OBJECT, "org.freedesktop.DBus.Properties", "Get", "ss", body)
        return float(answer[0][1]) / 1e6

    def _raise_delay(self, need: float) -> None:
        """Write the setting and make logind read it."""
        text = f"# By nodeagent, for shutdownGracePeriod.\n[Login]\nInhibitDelayMaxSec={need:g}\n"
        try:
            self._drop_in.parent.mkdir(parents=True, exist_ok=True)
            self._drop_in.write_text(text)
        except OSError as error:
            log.warning("logind's setting not written", target=str(self._drop_in), error=str(error))
            return
        unit = ("systemd-logind.service", "all", int(signal.SIGHUP))
        manager = f"{_SYSTEMD}.Manager"
        with suppress(HostError):
            self._call(_SYSTEMD, _SYSTEMD_OBJECT, manager, "KillUnit", "ssi", unit)
        self._await_delay(need)

    def _await_delay(self, need: float) -> None:
        until = time.monotonic() + _RELOAD_LIMIT
        while self._longest_delay() < need and time.monotonic() < until:
            time.sleep(0.05)

    def _take_lock(self) -> None:
        body = ("shutdown", "nodeagent", "Pods are to end in order first", "delay")
        answer = self._call(_LOGIND, _OBJECT, _MANAGER, "Inhibit", "ssss", body)
        self._lock = answer[0].to_raw_fd()

    def _call(
        self,
        name: str,
        path: str,
        interface: str,
        member: str,
        signature: str,
        body: tuple[Any, ...],
    ) -> tuple[Any, ...]:
        """Call on a connection of its own. HostError where the answer is an error."""
        from jeepney import DBusAddress, MessageType, new_method_call
        from jeepney.io.blocking import open_dbus_connection

        address = DBusAddress(path, bus_name=name, interface=interface)
        with open_dbus_connection(self._bus, enable_fds=True, auth_timeout=_LIMIT) as connection:
            call = new_method_call(address, member, signature, body)
            answer = connection.send_and_get_reply(call, timeout=_LIMIT)
        if answer.header.message_type is MessageType.error:
            raise _failed(member, str(answer.body[0]) if answer.body else "no detail")
        found: tuple[Any, ...] = answer.body
        return found


def _failed(op: str, detail: str) -> HostError:
    return HostError(op=f"logind {op}", target="the system's shutdown", detail=detail)
