"""The page on the published 13-jet is what its script writes."""

import jax.numpy as jnp
import pytest

from examples import thirteen_jet


def test_the_page() -> None:
    written = thirteen_jet.PAGE.read_text().split("* by our plan")
    computed = thirteen_jet.page().split("* by our plan")
    assert written[0] == computed[0]


def test_the_residuals_of_an_exact_solution() -> None:
    """Row T5: the published path gives -3.44 where the residual is 0."""
    point = jnp.array(thirteen_jet.POINT)
    wrong = thirteen_jet.shell(thirteen_jet.published(point))
    assert wrong == pytest.approx(-3.44, abs=0.005)
    assert abs(thirteen_jet.shell(thirteen_jet.true(point))) < 1e-14
    assert abs(thirteen_jet.ours(point)) < 1e-14
