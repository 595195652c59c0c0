"""The compiler still makes of each operator what it made when `frozen.json` was written."""

import numpy as np
import pytest

from tests.frozen.cases import cases, stored

CASES = cases()
STORED = stored()

# A bound on rounding, relative to the largest value of the equation.
ROUNDING = {"double": 1e-11, "slope": 1e-11, "single": 3e-5}

AMPLIFIED = {
    "corpus/fractional_poisson_2d": {"double": 3e-10, "slope": 3e-10, "single": 5e-2}
}
"""Its integrand divides differences of a field by powers of small distances: a rounding
error is a hundred thousand times as large in the result, and machines round in different
orders (the stored float32 values are off the float64 ones by 2.2 percent)."""

QUICK = 20
"""One case in so many runs in the default suite."""


def test_nothing_is_missing() -> None:
    assert STORED.keys() == CASES.keys()


@pytest.mark.parametrize(
    "name",
    [
        name if place % QUICK == 0 else pytest.param(name, marks=pytest.mark.slow)
        for place, name in enumerate(CASES)
    ],
)
def test_it_is_as_it_was(name: str) -> None:
    found, wanted = CASES[name](), STORED[name]
    rounding = AMPLIFIED.get(name, ROUNDING)
    assert found.keys() == wanted.keys()
    for part, want in wanted.items():
        if part not in ROUNDING:
            assert found[part] == want, part
            continue
        for value, row in zip(found[part], want, strict=True):
            scale = max(np.max(np.abs(row)), 1e-30)
            np.testing.assert_allclose(
                value, row, rtol=0, atol=rounding[part] * scale, err_msg=part
            )
