"""Median run times of several functions, taken in turns so that they share the noise."""

import statistics
import time
from collections.abc import Callable, Sequence

import jax


def medians(calls: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Returns the median seconds of each call; one warm-up round is thrown away.

    Every round runs each call once and waits for the device, so that a slow phase of
    the machine meets all of them.
    """
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds + 1):
        for call, taken in zip(calls, times, strict=True):
            start = time.perf_counter()
            jax.block_until_ready(call())
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken[1:]) for taken in times]
