"""From an estimator and a key to the draws of an operator's templates."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler.errors import OperatorError
from opcompiler.ir import Random, Template
from opcompiler.runtime.draws import draw_directions, draw_indices
from opcompiler.runtime.exhaustive import every
from opcompiler.runtime.sums import Draws
from opcompiler.runtime.templates import Draw
from opcompiler.sampling import Dense, Estimator, Sparse


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
    numbers: dict[object, int] = {}

    def key_of(what: object) -> Array:
        return jax.random.fold_in(key, numbers.setdefault(what, len(numbers)))

    def drawn_for(template: Template) -> Draw:
        if not template.extents:
            return exact(template)
        laws = _laws(template)
        what = (template.extents, template.draw, bool(laws))
        if what not in known:
            known[what] = _draw(estimator, template, key_of(what), rows)
        draw = known[what]
        for law in laws:
            if isinstance(estimator, Dense) and law not in draw.tangents:
                part = key_of((what, law))
                entries = _directions(law, estimator, template, part, rows, dtype)
                draw = replace(draw, tangents={**draw.tangents, law: entries})
        known[what] = draw
        return draw

    return drawn_for


def _laws(template: Template) -> tuple[str, ...]:
    laws = (d.law for d in template.directions if isinstance(d, Random))
    return tuple(dict.fromkeys(laws))


def _draw(estimator: Estimator, template: Template, key: Array, rows: int) -> Draw:
    if isinstance(estimator, Dense) and _laws(template):
        return Draw((), estimator.samples, 1 / estimator.samples)
    points = rows if estimator.per_point else None
    sparse = estimator
    if isinstance(sparse, Dense):  # what its law lacks is sampled by terms
        sparse = Sparse(sparse.samples, per_point=sparse.per_point)
    if sparse.importance == "coefficients":
        sparse = replace(sparse, importance=template.chances or None)
    indices, weights = draw_indices(sparse, template.extents, key, points)
    return Draw(tuple(indices), indices[0].shape[-1], weights)


def _directions(
    law: str, dense: Dense, template: Template, key: Array, rows: int, dtype: Any
) -> Array:
    ((first, last), *_) = template.extents
    points = rows if dense.per_point else None
    return draw_directions(law, dense, last - first + 1, key, points, dtype)


def check_key(estimator: Estimator | None, key: Array | None) -> None:
    """Refuses a missing key, and one that nothing asks for.

    Raises:
        OperatorError: for either, and for what is no key.
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
    if key is not None and not _is_key(key):
        raise OperatorError(
            "the key of an estimated residual is not one key of jax.random",
            expression=f"key={key!r}"[:200],
            hint="give jax.random.key(0), or one row of jax.random.split(key, n); for "
            "several keys at once jax.vmap over them",
        )


def _is_key(key: Any) -> bool:
    """Whether this is one key: `jax.random.key`, or the older `PRNGKey`."""
    if not hasattr(key, "dtype"):
        return False
    if jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        return key.ndim == 0
    return key.ndim == 1 and key.dtype == jnp.uint32
