"""From an estimator and a key to the draws of an operator's templates."""

from typing import Any

import jax
from jax import Array

from opcompiler.core.errors import OperatorError
from opcompiler.core.sums import Random, Template
from opcompiler.estimators import Dense, Estimator, Sparse
from opcompiler.lowering.draws import draw_directions, draw_indices
from opcompiler.lowering.sums import Draws, every
from opcompiler.lowering.templates import Draw


def exact(template: Template) -> Draw:
    """Returns all index tuples of a template."""
    return every(template.extents)


def drawn(estimator: Estimator, key: Array, rows: int, dtype: Any) -> Draws:
    """Returns what draws for each template, templates over the same indices alike.

    Args:
        estimator: how.
        key: `jax.random.key`; the same key gives the same draws.
        rows: number of points.
        dtype: of random directions.
    """
    known: dict[object, Draw] = {}

    def draw(template: Template) -> Draw:
        if not template.extents:
            return exact(template)
        what = (template.extents, template.draw, _law(template))
        if what not in known:
            part = jax.random.fold_in(key, len(known))
            known[what] = _draw(estimator, template, part, rows, dtype)
        return known[what]

    return draw


def _law(template: Template) -> str | None:
    laws = [d.law for d in template.directions if isinstance(d, Random)]
    return laws[0] if laws else None


def _draw(
    estimator: Estimator, template: Template, key: Array, rows: int, dtype: Any
) -> Draw:
    law = _law(template)
    points = rows if estimator.per_point else None
    if law is not None:
        assert isinstance(estimator, Dense)
        first, last = template.extents[0]
        tangents = draw_directions(law, estimator, last - first + 1, key, points, dtype)
        return Draw((), tangents.shape[-2], 1 / tangents.shape[-2], tangents)
    sparse = estimator if isinstance(estimator, Sparse) else Sparse(estimator.samples)
    indices, weights = draw_indices(sparse, template.extents, key, points)
    return Draw(tuple(indices), indices[0].shape[-1], weights)


def check_key(estimator: Estimator | None, key: Array | None) -> None:
    """Refuses a missing key, and one that nothing asks for.

    Raises:
        OperatorError: for either.
    """
    if estimator is not None and key is None:
        raise OperatorError(
            "an estimated residual needs a key",
            expression=f"estimator={estimator}",
            hint="residual(net, points, key=jax.random.key(0)); split the key at each step",
        )
    if estimator is None and key is not None:
        raise OperatorError(
            "a key was given to a residual in which nothing is random",
            expression="key",
            hint="compile with estimator=oc.Sparse(16), or leave the key out",
        )
