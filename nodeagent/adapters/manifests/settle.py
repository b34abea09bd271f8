"""When a changed file may be read: soon after a finished write, later after anything half-done."""

from nodeagent.aio import inotify

SETTLE = 0.1  # seconds to wait for the other half of an edit
_QUICK = 0.01  # after a rename into place or a close, which are whole by themselves
_LONGEST = 0.15  # no stream of events may hold back what has settled for longer
_WRITING = 5.0  # a writer that goes quiet for this long without closing is not waited for
WHOLE = ""  # stands for the folder itself

_FINISHED = inotify.CLOSE_WRITE | inotify.MOVED_TO


class Settling:
    """Collects events by file name. Times are of one monotonic clock that the caller reads.

    Files that change together are looked at together, so that the two halves of a rename never
    show as two files of one pod, and an editor's delete-and-create never as a removal.
    """

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._writing: dict[str, float] = {}
        self._finished: set[str] = set()
        self._moved: tuple[int, str] = (0, "")
        self._first_at: float | None = None

    def note(self, name: str, change: inotify.Change, *, now: float) -> None:
        """Take one event that concerns the manifest `name`, or WHOLE."""
        if self._first_at is None:
            self._first_at = now
        if change.mask & _FINISHED:
            self._finish(name, change, now)
        elif change.mask & inotify.MODIFY:
            self._writing[name] = now + _WRITING
            self._finished.discard(name)
            self._due.pop(name, None)
        elif change.mask & inotify.ATTRIB and name in self._finished:
            self._due[name] = now + _QUICK
        else:
            self.defer(name, now=now)
            if change.mask & inotify.MOVED_FROM:
                self._moved = (change.cookie, name)

    def defer(self, name: str, *, now: float) -> None:
        """Look at `name` again once it has had time to settle."""
        self._first_at = now if self._first_at is None else self._first_at
        self._due[name] = now + SETTLE
        self._finished.discard(name)
        self._writing.pop(name, None)

    def wake_at(self) -> float | None:
        """When to look next; None while nothing is pending."""
        times = list(self._writing.values())
        if self._due and self._first_at is not None:
            latest = min(max(self._due.values()), self._first_at + _LONGEST)
            times.append(max(latest, min(self._due.values())))
        return min(times, default=None)

    def take(self, *, now: float) -> tuple[frozenset[str], frozenset[str]]:
        """For a look now: names to leave as they were, and names whose write is known complete."""
        held = {name for name, at in (*self._due.items(), *self._writing.items()) if at > now}
        done = frozenset(self._finished - held)
        self._due = {name: at for name, at in self._due.items() if at > now}
        self._writing = {name: at for name, at in self._writing.items() if at > now}
        self._finished &= held
        self._first_at = now if self._due else None
        return frozenset(held), done

    def _finish(self, name: str, change: inotify.Change, now: float) -> None:
        self._due[name] = now + _QUICK
        self._writing.pop(name, None)
        self._finished.add(name)
        cookie, source = self._moved
        if change.mask & inotify.MOVED_TO and change.cookie == cookie and source in self._due:
            self._due[source] = now + _QUICK
