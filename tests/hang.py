"""A bound on time that only a hang reaches, however busy the machine is.

>>> with finishes():
...     print(sum(range(10)))
45
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Never


@contextmanager
def finishes(seconds: float = 60.0) -> Iterator[None]:
    """Raises `TimeoutError` after so many seconds of this process's own time.

    What else runs on the machine does not count. Seconds say nothing about speed: what is
    meant to be quick here takes a hundredth of them, what is not takes hours.
    """

    def stop(*_: object) -> Never:
        raise TimeoutError(f"not done after {seconds} seconds of the processor")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
