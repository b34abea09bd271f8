"""Whether the agent still does its work: what /healthz tells, and what feeds systemd's watchdog."""

from collections.abc import Callable, Mapping

LEAST = 300.0  # seconds that one turn may take, whatever the settings say
STUCK = "sync Loop took longer than expected"


class Heart:
    """The checks of a kubelet's /healthz.

    `turned_at` is when the loop that sees pods last began a turn, 0.0 before the first; `steady`
    counts the same seconds. `turn` is the longest that a turn takes by its settings.
    """

    def __init__(
        self, *, turned_at: Callable[[], float], steady: Callable[[], float], turn: float
    ) -> None:
        self._turned_at, self._steady = turned_at, steady
        self._limit = max(LEAST, 2 * turn)

    def checks(self) -> Mapping[str, str]:
        """By its name what a check found wrong, "" for nothing."""
        turned = self._turned_at()
        stuck = bool(turned) and self._steady() - turned > self._limit
        return {"ping": "", "log": "", "syncloop": STUCK if stuck else ""}

    def beats(self) -> bool:
        """Whether nothing is wrong."""
        return not any(self.checks().values())
