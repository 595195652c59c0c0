"""Values of nested jvp that never change, in `nested_jvp.json`.

Compiling nested jvp takes longer than what it judges. `python -m tests.taylor.stored`
makes the file anew, after a program of `tests/taylor/programs*.py` was added or changed.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("nested_jvp.json")
DIGITS = 13


def load() -> dict[str, list[np.ndarray]]:
    """Returns the channels of every case by name."""
    stored = json.loads(FILE.read_text())
    return {name: [_array(*row) for row in rows] for name, rows in stored.items()}


def _array(shape: list[int], numbers: list[float]) -> np.ndarray:
    """Returns a real array, or a complex one if there are twice as many numbers."""
    found = np.array(numbers, float)
    is_complex = found.size > np.prod(shape, dtype=int)
    return (found.view(complex) if is_complex else found).reshape(shape)


def _row(channel: np.ndarray) -> list:
    kind = complex if np.iscomplexobj(channel) else float
    flat = np.ascontiguousarray(channel, kind).ravel().view(float)
    return [list(channel.shape), [float(f"{n:.{DIGITS}g}") for n in flat]]


def write(cases: dict[str, Sequence[np.ndarray]]) -> None:
    """Writes one line for each case."""
    lines = [
        f"{json.dumps(name)}: {json.dumps([_row(np.asarray(c)) for c in channels])}"
        for name, channels in cases.items()
    ]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def main() -> None:
    import jax

    jax.config.update("jax_enable_x64", True)
    from tests.taylor.test_primitives import by_default, nested, STEADY

    write({
        f"{name}, {place}": nested(name, case)
        for name in STEADY
        for place, case in enumerate(by_default(name))
    })  # fmt: skip


if __name__ == "__main__":
    main()
