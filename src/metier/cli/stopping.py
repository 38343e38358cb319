"""Ctrl-C and SIGTERM stop a verb: never with exit code 0, and never in vain."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

CODE = 3
"""The exit code of a stop. One for both signals, since what follows is the same: call again."""
MESSAGE = "Stopped. The run continues where it stopped when you call it again."
AGAIN_S = 1.0
"""A stop that was swallowed is repeated after so many seconds."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stops:
    """Whether somebody asked to stop, and the exit code that follows from it.

    The first signal raises KeyboardInterrupt in the verb. What is called from C (numba's compiler, ctypes, `__del__`)
    prints such an exception and goes on; a timer raises it again until the verb has ended. The second signal ends the
    process at once, which a run survives as it survives a kill.
    """

    def __init__(self) -> None:
        self.asked = self.ended = self.told = False
        self._unraisable_before: Callable[[Any], object] = sys.unraisablehook

    def listen(self) -> None:
        """From now on the signals come here."""
        if threading.current_thread() is not threading.main_thread():
            return  # only the main thread may, and only it is interrupted
        for number in SIGNALS:
            signal.signal(number, self._on_signal)
        sys.unraisablehook, self._unraisable_before = self._on_unraisable, sys.unraisablehook

    def during(self, verb: Callable[[], int]) -> int:
        """The verb's exit code. Only below this frame does a signal raise."""
        return verb()

    def end(self, code: int) -> int:
        """The exit code of the process: that of the verb, or that of a stop. From now on a signal ends it at once."""
        self.ended = True  # before the question, so that no signal falls between
        if not self.asked:
            return code
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._tell()
        return CODE

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number != signal.SIGALRM:
            if self.asked or self.ended:
                self._tell()
                os._exit(CODE)
            self.asked = True
            signal.signal(signal.SIGALRM, self._on_signal)
            signal.setitimer(signal.ITIMER_REAL, AGAIN_S, AGAIN_S)
        while frame is not None:
            if frame.f_code is Stops.during.__code__:
                raise KeyboardInterrupt
            frame = frame.f_back

    def _tell(self) -> None:
        if not self.told:
            self.told = True
            # Not through sys.stderr: the signal may have come while it was written to.
            shown = "\x1b[?25h" if os.isatty(2) else ""  # a bar hides the cursor
            os.write(2, f"{shown}{MESSAGE}\n".encode())

    def _on_unraisable(self, what: Any) -> None:
        if not (self.asked and issubclass(what.exc_type, KeyboardInterrupt)):
            self._unraisable_before(what)
