"""A bucket of tokens: how often something may be done, with bursts."""


class Bucket:
    """`rate` tokens a second, at most `burst` at once; a rate of 0 means no limit."""

    def __init__(self, *, rate: float, burst: int) -> None:
        self._rate, self._burst = rate, burst
        self._left, self._at = float(burst), 0.0

    def take(self, now: float) -> bool:
        """Whether there was a token left to take."""
        if self._rate <= 0:
            return True
        passed = max(0.0, now - self._at)
        self._left, self._at = min(self._burst, self._left + passed * self._rate), now
        if self._left < 1:
            return False
        self._left -= 1
        return True
