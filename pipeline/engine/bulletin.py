"""What rank 0 of an elastic launch has told, put up again whenever the launcher clears its key-value store."""

import threading
from collections.abc import Callable
from functools import cache

from pipeline.engine.errors import PipelineError

SECONDS = 1.0
"""Between two looks."""

SCOPE = "frugal.bulletin"
UP, BEAT = "up", "beat"
"""Keys: whether anything was put up since the store was cleared, and a number that rises as long as rank 0 lives."""

Put = Callable[[str, str, str], None]
Get = Callable[[str, str], str | None]


class Bulletin:
    """Keeps what was told, and repeats it from a thread of its own.

    The launcher clears the store each time that ranks are lost or join; a rank that joins must hear what it missed.

    Args:
        put: Puts a value into the store, by scope and key.
        get: Returns a value, or None.
    """

    def __init__(self, put: Put, get: Get) -> None:
        self._put, self._get = put, get
        self._told: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()
        self._beat = 0
        self.look()
        threading.Thread(target=self._repeat, daemon=True).start()

    def tell(self, scope: str, key: str, value: str) -> None:
        """Puts a value up, in place of the one before, to stay."""
        with self._lock:
            self._told[scope, key] = value
            self._put(scope, key, value)

    def look(self) -> None:
        """Says that this rank lives, and puts all up again if it was taken down."""
        with self._lock:
            self._beat += 1
            self._put(SCOPE, BEAT, str(self._beat))
            if self._get(SCOPE, UP) is None:
                # First, so that a clearing that comes in between takes it down again.
                self._put(SCOPE, UP, "yes")
                for (scope, key), value in self._told.items():
                    self._put(scope, key, value)

    def _repeat(self) -> None:
        pause = threading.Event()
        while not pause.wait(SECONDS):
            try:
                self.look()
            except (PipelineError, RuntimeError, OSError):  # the launcher is ending, or too busy to answer
                continue


@cache
def bulletin(put: Put, get: Get) -> Bulletin:
    """Returns that of this process."""
    return Bulletin(put, get)
