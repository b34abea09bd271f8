"""A volume as its driver has it for the whole node, before and after any pod."""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from nodeagent.adapters.volumes.base import HostFiles, Kernel
from nodeagent.adapters.volumes.csi import record as records
from nodeagent.adapters.volumes.csi.record import Record, Staged
from nodeagent.adapters.volumes.csi.wire import Driver, Use
from nodeagent.aio.threads import Threads
from nodeagent.core.csi import block_folder, staging_folder
from nodeagent.errors import DriverFailed, HostError, MountFailed

_BOOT_ID = "/proc/sys/kernel/random/boot_id"


class Staging:
    """Stages each volume once in a boot. Who holds the volume is for the caller to know."""

    def __init__(self, root: str, kernel: Kernel, files: HostFiles, threads: Threads) -> None:
        self._root, self._kernel = root, kernel
        self._files, self._threads = files, threads
        self._boot = ""

    async def stage(
        self, driver: Driver, record: Record, use: Use, *, secrets: dict[str, str]
    ) -> None:
        """The driver has it. After a final DriverFailed nothing is left of the try."""
        home = self._home(record)
        if not self._boot:
            self._boot = await self._threads.run(_boot_id)
        staged = await self._threads.run(records.read_staged, home)
        if staged is not None and staged.boot == self._boot:
            return
        fresh = _staged(record)
        await self._on_disk(_prepare, home, record.staging, fresh)
        try:
            await driver.stage(use, secrets=secrets)
        except DriverFailed as error:
            if error.final and staged is None:
                await self._clear(home, record)
            raise
        done = msgspec.structs.replace(fresh, boot=self._boot)
        await self._on_disk(records.write, home, done)

    async def unstage(self, find: Callable[[str], Driver], record: Record) -> None:
        """The driver has let go of it, and the folder is gone. Nobody publishes it any more.

        `find` gives the driver by its name; it is asked only where there is something to do.
        """
        home = self._home(record)
        if await self._threads.run(records.read_staged, home) is not None:
            await find(record.driver).unstage(record.handle, record.staging)
            await self._check_free(record.staging)
        await self._clear(home, record)

    def _home(self, record: Record) -> str:
        """Where the volume's own record is."""
        if record.block:
            return f"{block_folder(self._root)}/{record.spec}/data"
        return staging_folder(self._root, record.driver, record.handle)

    async def _check_free(self, path: str) -> None:
        if await self._threads.run(is_mounted, self._kernel, path):
            raise MountFailed(
                op="unmount", target=path, detail="the driver says it is done, but it is mounted"
            )

    async def _clear(self, home: str, record: Record) -> None:
        """The folders first: while the record is there, what failed half-way is tried again."""
        await self._files.remove_tree(record.staging, files=False)
        await self._on_disk(records.remove, home)
        await self._files.remove_tree(home, files=False)
        if record.block:
            top = block_folder(self._root)
            await self._files.remove_tree(f"{top}/{record.spec}", files=False)
            await self._files.remove_tree(f"{top}/publish/{record.spec}", files=False)

    async def _on_disk(self, call: object, *arguments: object) -> None:
        assert callable(call)
        try:
            await self._threads.run(call, *arguments)
        except OSError as error:
            detail = f"{error.strerror}: {error.filename}"
            raise HostError(
                op="record CSI volume", target=str(arguments[0]), detail=detail
            ) from error


def is_mounted(kernel: Kernel, path: str) -> bool:
    """Whether something is mounted at `path`, found without touching it. Blocks."""
    parent, _, name = path.rpartition("/")
    if not os.path.isdir(parent):  # noqa: PTH112
        return False
    return f"{os.path.realpath(parent)}/{name}" in kernel.mounts_below(parent)


def _staged(record: Record) -> Staged:
    fresh = Staged(driver=record.driver, handle=record.handle)
    if not record.block:
        return fresh
    return msgspec.structs.replace(
        fresh, spec=record.spec, node=record.node, attachment=record.attachment
    )


def _prepare(home: str, staging: str, staged: Staged) -> None:
    records.write(home, staged)
    Path(staging).mkdir(mode=0o750, parents=True, exist_ok=True)


def _boot_id() -> str:
    return Path(_BOOT_ID).read_text().strip()
