"""Work in calls of Python functions: a number that no busy machine changes.

>>> calls(lambda: sorted([2, 1], key=lambda n: -n))
3
"""

import sys
from collections.abc import Callable


def calls(work: Callable[[], object]) -> int:
    """Returns how many Python functions `work` calls, itself included."""
    count = 0

    def counted(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count
