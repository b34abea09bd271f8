"""How long it took until a node that is new was registered and ready, each step once."""

from typing import Protocol

from nodeagent.engine.ports import Clock


class StartupMeter(Protocol):
    """Hears of the steps; durations are seconds."""

    def registered(self, *, machine: float, agent: float, registration: float) -> None:
        """From the machine's start to the agent's, to the first try, to the Node in the API."""
        ...

    def ready(self, *, since_registered: float, in_all: float) -> None:
        """The Node is ready."""
        ...


class NodeStartup:
    """`booted_at` and `began_at`, of the machine and of the agent, are Unix time."""

    def __init__(
        self, meter: StartupMeter, clock: Clock, *, booted_at: float, began_at: float
    ) -> None:
        self._meter, self._clock = meter, clock
        self._booted_at, self._began_at = booted_at, began_at
        self._tried_at = self._registered_at = 0.0
        self._is_over = False

    def tries(self) -> None:
        """The Node is about to be made in the API."""
        self._tried_at = self._tried_at or self._clock.now()

    def registered(self) -> None:
        """It was made: there was none of this name."""
        if self._registered_at:
            return
        self._registered_at = self._clock.now()
        self._meter.registered(
            machine=self._began_at - self._booted_at,
            agent=self._tried_at - self._began_at,
            registration=self._registered_at - self._tried_at,
        )

    def ready(self) -> None:
        """The API has it as ready."""
        if self._is_over or not self._registered_at:
            return
        self._is_over, now = True, self._clock.now()
        self._meter.ready(since_registered=now - self._registered_at, in_all=now - self._booted_at)
