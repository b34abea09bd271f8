"""The wall clock as a port, so that tests can turn it."""

import time


class WallClock:
    """Unix seconds as the machine has them."""

    def now(self) -> float:
        """Unix seconds."""
        return time.time()
