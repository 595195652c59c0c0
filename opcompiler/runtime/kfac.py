r"""Kronecker factors: a curvature that is cheap to invert, one matrix pair per layer.

In: the gradients of all residuals by layers and blocks (`layers.py`). Out: `KFac`, an
approximation of JᵀJ block by block. A layer W with inputs $a_{nc}$ and gradients
$g_{nec}$ (point n, equation e, product c) has the exact block

$$ \sum_{n,e} \sum_{c,c'} (a_{nc} a_{nc'}^\top) \otimes (g_{nec} g_{nec'}^\top)
   \approx A \otimes G, \qquad
   A = \frac{1}{NC} \sum_{n,c} a_{nc} a_{nc}^\top, \quad
   G = \sum_{n,e,c} g_{nec} g_{nec}^\top . $$

A is a mean and G a sum. The factor √(w/N) of the residuals is in g, so the sum is a mean
over the points too, and the approximation has the scale of JᵀJ; it is exact for one product
of one point. All channels of the differential operator are products, as are all places of a
convolution (the `expand` setting). All other parameters have their exact block of JᵀJ.

Source: Dangel, Müller, Zeinhofer, Kronecker-factored approximate curvature for
physics-informed neural networks, NeurIPS 2024, arXiv 2405.15603.
"""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.runtime.gram import Gradient
from opcompiler.runtime.layers import Factors, Part
from opcompiler.runtime.reprs import counted

_WHOLE = 4096
"""A block of more parameters is held as its diagonal."""

Curvature = tuple[Array, Array] | Array
"""(A, G), (B, I, I) and (B, O, O), of a layer; (size, size) or (size,) of a block."""


@jax.tree_util.register_pytree_node_class
@public("squares.kfac(params)")
class KFac:
    """What `LeastSquares.kfac` returns: curvatures of all layers and blocks.

    It is a pytree of its matrices, so that a running mean of several is
    `jax.tree.map(lambda old, new: 0.95 * old + 0.05 * new, before, now)`.

    Attributes:
        layers: by name of the parameter the pair of the inputs' matrix A and the
            gradients' matrix G, (B, I, I) and (B, O, O), where B matrices stand side by
            side, mostly 1.
            A matrix cut out of a longer array has its first place there behind its name.
        blocks: by name of the parameter its exact block of JᵀJ, (n, n); the diagonal of
            it, (n,), if it has more than 4096 numbers.

    Examples:
        >>> x = sp.Symbol("x")
        >>> net = lambda w, p: jnp.sum(jnp.tanh(jnp.tanh(p @ w["in"]) @ w["out"]))
        >>> f = oc.compile(sp.Function("u")(x).diff(x)).bind(net)
        >>> squares = oc.least_squares([(f, jnp.ones((4, 1)))])
        >>> params = {"in": jnp.ones((1, 16)), "out": jnp.ones((16, 16))}
        >>> curvature = squares.kfac(params)
        >>> curvature
        <KFac of 1 layer and 1 block: ['out'] (1, 16, 16) x (1, 16, 16), ['in'] (16, 16)>
    """

    def __init__(self, curvatures: Sequence[Curvature], form: Any) -> None:
        self._curvatures = tuple(curvatures)
        self._form = form

    @property
    def layers(self) -> dict[str, tuple[Array, Array]]:
        """Curvatures of layers, by name."""
        return self._named(tuple)

    @property
    def blocks(self) -> dict[str, Array]:
        """Curvatures of blocks, by name."""
        return self._named(jax.Array)

    def __repr__(self) -> str:
        shown = [
            f"{name} {a.shape} x {g.shape}" for name, (a, g) in self.layers.items()
        ]
        shown += [f"{name} {block.shape}" for name, block in self.blocks.items()]
        count = counted(len(self.layers), "layer"), counted(len(self.blocks), "block")
        return f"<KFac of {' and '.join(count)}: {', '.join(shown)}>"

    def _named(self, kind: type) -> dict[str, Any]:
        pairs = zip(self._form.names, self._curvatures, strict=True)
        return {name: own for name, own in pairs if isinstance(own, kind)}

    def solve(self, gradient: Any, damping: Any) -> Any:
        r"""Returns (curvature + μ)⁻¹ gradient, the step of K-FAC.

        The damping of a layer is shared by its factors, $(A + \pi\sqrt\mu)^{-1} V
        (G + \sqrt\mu / \pi)^{-1}$ with $\pi^2 = (\mathrm{tr} A / I) / (\mathrm{tr} G / O)$.
        Source: Martens, Grosse, ICML 2015, section 6.3.

        Args:
            gradient: a pytree like the parameters.
            damping: μ > 0, a number.

        Returns:
            A pytree like the parameters.

        Raises:
            OperatorError: for a gradient that is not like the parameters.

        Examples:
            >>> slope = jax.grad(squares.loss)(params)
            >>> curvature.solve(slope, 1e-3)["out"].shape
            (16, 16)
        """
        leaves, structure = jax.tree.flatten(gradient)
        shapes = tuple(jnp.shape(leaf) for leaf in leaves)
        if structure != self._form.structure or shapes != self._form.shapes:
            raise OperatorError(
                "a gradient is not like the parameters",
                expression=f"shapes {list(shapes)}"[:200],
                hint="give a pytree of the same structure and shapes",
            )
        # What no residual reads has no curvature but the damping.
        solved = [jnp.ravel(leaf) / damping for leaf in leaves]
        for part, own in zip(self._form.parts, self._curvatures, strict=True):
            vector = jnp.ravel(leaves[part.leaf])[part.places]
            step = _solved(own, vector, damping)
            solved[part.leaf] = solved[part.leaf].at[part.places].set(step)
        steps = [step.reshape(s) for step, s in zip(solved, shapes, strict=True)]
        return jax.tree.unflatten(structure, steps)

    def tree_flatten(self) -> tuple[tuple[Any, ...], Any]:
        """Returns the matrices, and all that is static; for JAX."""
        return self._curvatures, self._form

    @classmethod
    def tree_unflatten(cls, form: Any, curvatures: Any) -> "KFac":
        """Returns the object again; for JAX.

        Args:
            form: what is static.
            curvatures: the matrices.
        """
        return cls(curvatures, form)


class Form:
    """What is static of a `KFac`: parts and their names, and what parameters look like."""

    def __init__(self, params: Any, parts: Sequence[Part]) -> None:
        self.parts = tuple(parts)
        leaves, self.structure = jax.tree.flatten(params)
        self.shapes = tuple(jnp.shape(leaf) for leaf in leaves)
        paths = [jax.tree_util.keystr(p) for p, _ in jax.tree.leaves_with_path(params)]
        self.names = [
            paths[part.leaf]
            + ("" if part.places.size == leaves[part.leaf].size
               else f" from {part.places.min()}")
            for part in parts
        ]  # fmt: skip

    def _key(self) -> Any:
        places = tuple((p.leaf, p.layer, p.places.tobytes()) for p in self.parts)
        return self.structure, self.shapes, places

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Form) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())


def curvature(gradients: Sequence[Gradient]) -> Curvature:
    """Returns the curvature of one part, from its gradients in every term."""
    present = [found for found in gradients if found is not None]
    if isinstance(present[0], Factors):
        pairs = [found for found in present if isinstance(found, Factors)]
        count = sum(math.prod(found.inputs.shape[:3]) for found in pairs)
        # A factor without an axis of equations counts once, or as often as the other has.
        inputs = sum(_squares(found.inputs) for found in pairs) / count
        outputs = sum(_squares(found.outputs) for found in pairs)
        return inputs, outputs
    rows = jnp.concatenate(
        [found.reshape(-1, found.shape[-1]) for found in present
         if not isinstance(found, Factors)]
    )  # fmt: skip
    if rows.shape[1] > _WHOLE:
        return jnp.sum(rows**2, axis=0)
    return jnp.matmul(rows.T, rows, precision=lax.Precision.HIGHEST)


def _squares(factor: Array) -> Array:
    """Returns the sum of the outer squares of vectors (N, E, C, B, n), (B, n, n)."""
    return jnp.einsum(
        "necbi,necbj->bij", factor, factor, precision=lax.Precision.HIGHEST
    )


def _solved(own: Curvature, vector: Array, damping: Any) -> Array:
    """Returns (curvature + μ)⁻¹ of a layer's matrices (B, I, O), or of a block (n,)."""
    if isinstance(own, tuple):
        inputs, outputs = own
        means = [
            jnp.trace(matrix, axis1=-2, axis2=-1)[:, None, None] / matrix.shape[-1]
            for matrix in own
        ]
        tiny = jnp.finfo(vector.dtype).tiny
        ratio = jnp.sqrt(jnp.maximum(means[0], tiny) / jnp.maximum(means[1], tiny))
        root = jnp.sqrt(damping)
        half = jnp.linalg.solve(_shifted(inputs, ratio * root), vector)
        other = jnp.linalg.solve(
            _shifted(outputs, root / ratio), half.transpose(0, 2, 1)
        )
        return other.transpose(0, 2, 1)
    if own.ndim == 1:
        return vector / (own + damping)
    return jnp.linalg.solve(_shifted(own, damping), vector)


def _shifted(matrix: Array, damping: Any) -> Array:
    return matrix + damping * jnp.eye(matrix.shape[-1], dtype=matrix.dtype)
