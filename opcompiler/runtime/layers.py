r"""Layers of a residual, found in its program: what a residual's gradient is made of.

In: the program of residuals at ONE point. Out, for every point and residual, the gradient
by the parameters, in parts that no parameter shares:

    program = trace(at, leaves, row)                  what reads the parameters
    divided = parts([program], sizes)                 layers and blocks
    values, by_part = gradients(program, divided, leaves, row)


* A *layer* is a matrix that multiplies what depends on the point, a = (inputs), once or
  several times: in every channel, at every place of a convolution, wherever the network
  uses it again. With g the gradient by what it gives,

  $$ \partial_W r = \sum_c a_c\, g_c^\top , $$

  so the gradient of a matrix is held as its two thin factors.
* Every other parameter, or part of one, is a *block*: its gradient is taken as it is.

The factors come from one forward and one reverse pass per residual: a probe is added to
what the layer gives, and differentiated by instead of the matrix.

A parameter is followed through what only moves its entries (reshape, transpose, slice, a
cast). Such a view is known as an array of places in the parameter, found by moving these
places like the parameter itself; so a matrix cut out of one flat vector of all parameters
is a layer, and two views are compared by their places. Where anything else reads a place of
a matrix, the matrix is a block. So the result is exact for any program.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from opcompiler import _compat

_MOVES = frozenset(
    {"broadcast_in_dim", "convert_element_type", "copy", "copy_p", "expand_dims",
     "reshape", "rev", "slice", "split", "squeeze", "transpose"}
)  # fmt: skip
"""Primitives that move the entries of their only operand."""

_INLINED = frozenset(
    {"checkpoint", "closed_call", "core_call", "jit", "pjit", "remat", "remat2"}
)
"""Calls that are nothing but their body."""


class View(NamedTuple):
    """Entries of a parameter, as some equation reads them.

    Attributes:
        leaf: the number of the parameter.
        places: of the entries in the flat parameter, in the shape of the view.
    """

    leaf: int
    places: np.ndarray

    @property
    def key(self) -> tuple[int, bytes]:
        """What equal sets of places, in equal order and shape up to axes of 1, share."""
        return self.leaf, self.places.tobytes()


@dataclass(frozen=True, eq=False)
class Use:
    """One product of a layer with what depends on the point.

    Attributes:
        equation: the product.
        operand: which operand is the view.
        matrix: the places of the view, (B, inputs, outputs): B matrices side by side.
        inputs: of the other operand; the inputs (C, B, inputs) of C products.
        outputs: of the gradient by the product; it as (C, B, outputs).
    """

    equation: Any
    operand: int
    matrix: np.ndarray
    inputs: Callable[[Array], Array]
    outputs: Callable[[Array], Array]


class Part(NamedTuple):
    """A layer, or a block of parameters.

    Attributes:
        leaf: the number of the parameter that holds it.
        places: (B, inputs, outputs) of a layer, (size,) of a block: in the flat parameter.
        layer: which of the two it is.
    """

    leaf: int
    places: np.ndarray
    layer: bool


class Factors(NamedTuple):
    """The gradient of N points' residuals, E each, by a layer.

    Attributes:
        inputs: (N, 1 or E, C, B, inputs).
        outputs: (N, 1 or E, C, B, outputs). Their products, summed over C, are the
            gradient.
    """

    inputs: Array
    outputs: Array


@dataclass
class Program:
    """Residuals at one point as flat equations, and what each reads of the parameters.

    Attributes:
        jaxpr, consts: of (*parameters, *rows); one output, (E,).
        leaves: how many parameters there are.
        views: of variables that are views of parameters.
        read: variables that are read otherwise than by a product or a move.
        uses: products, by the equation's number.
    """

    jaxpr: Any
    consts: list[Any]
    leaves: int
    views: dict[Any, View] = field(default_factory=dict)
    read: list[Any] = field(default_factory=list)
    uses: dict[int, Use] = field(default_factory=dict)


def trace(fun: Callable[..., Array], leaves: Sequence[Any], rows: Any) -> Program:
    """Traces residuals at one point, (E,), and finds out what reads the parameters.

    Args:
        fun: of (parameters, rows), lists of arrays.
        leaves: the parameters, or their types.
        rows: of the point, arrays or their types.
    """
    jaxpr, consts = _compat.trace(fun, leaves, rows)
    flat = lambda *operands: _inlined(jaxpr, consts, operands)
    jaxpr, consts = _compat.trace(flat, *(v.aval for v in jaxpr.invars))
    program = Program(_alive(jaxpr), consts, len(leaves))
    parameters = jaxpr.invars[: len(leaves)]
    active = set(jaxpr.invars[len(leaves) :])  # what depends on the point
    derived = set(parameters)  # what depends on parameters alone
    for leaf, variable in enumerate(parameters):
        size = math.prod(variable.aval.shape)
        places = np.arange(size).reshape(variable.aval.shape)
        program.views[variable] = View(leaf, places)
    for number, equation in enumerate(program.jaxpr.eqns):
        operands = [v for v in equation.invars if not isinstance(v, _compat.Literal)]
        if not any(v in derived for v in operands):
            if any(v in active for v in operands):
                active.update(equation.outvars)
            continue
        if any(v in active for v in operands):
            active.update(equation.outvars)
            use = _use(equation, program.views, derived)
            if use is not None:
                program.uses[number] = use
                continue
        else:
            derived.update(equation.outvars)
            moved = _moved(equation, program.views)
            if moved is not None:
                program.views.update(zip(equation.outvars, moved, strict=True))
                continue
        program.read += [v for v in operands if v in program.views]
    program.read += [v for v in program.jaxpr.outvars if v in program.views]
    return program


def _inlined(jaxpr: Any, consts: Sequence[Any], operands: Sequence[Any]) -> list[Any]:
    """Runs a jaxpr, and calls in it by their bodies."""

    def step(equation: Any, inputs: list[Any]) -> list[Any]:
        if equation.primitive.name in _INLINED:
            return _inlined(*_compat.body(equation), inputs)
        return _compat.bind(equation, *inputs)

    return _run(
        jaxpr, consts, operands, lambda _, equation, inputs: step(equation, inputs)
    )


def _run(
    jaxpr: Any,
    consts: Sequence[Any],
    operands: Sequence[Any],
    step: Callable[[int, Any, list[Any]], Sequence[Any]],
    known: Mapping[Any, Any] | None = None,
) -> list[Any]:
    """Runs a jaxpr by a function of every equation; some variables may be known."""
    held: dict[Any, Any] = {}
    held.update(zip(jaxpr.constvars, consts, strict=True))
    held.update(zip(jaxpr.invars, operands, strict=True))
    held.update(known or {})

    def read(atom: Any) -> Any:
        literal = isinstance(atom, _compat.Literal)
        return _compat.literal_value(atom) if literal else held[atom]

    for number, equation in enumerate(jaxpr.eqns):
        if known is not None and all(v in known for v in equation.outvars):
            continue
        outputs = step(number, equation, list(map(read, equation.invars)))
        for variable, output in zip(equation.outvars, outputs, strict=True):
            held.setdefault(variable, output)
    return list(map(read, jaxpr.outvars))


def _alive(jaxpr: Any) -> Any:
    """Returns a jaxpr without the equations that nothing reads."""
    wanted = {v for v in jaxpr.outvars if not isinstance(v, _compat.Literal)}
    kept = []
    for equation in reversed(jaxpr.eqns):
        if any(v in wanted for v in equation.outvars):
            kept.append(equation)
            wanted |= {v for v in equation.invars if not isinstance(v, _compat.Literal)}
    return jaxpr.replace(eqns=kept[::-1])


def _moved(equation: Any, views: Mapping[Any, View]) -> list[View] | None:
    """Returns the views that an equation makes of a view, if it only moves entries."""
    (first, *others) = equation.invars
    if equation.primitive.name not in _MOVES or others or first not in views:
        return None
    view = views[first]
    if equation.primitive.name in ("convert_element_type", "copy", "copy_p"):
        real = jnp.issubdtype(equation.outvars[0].aval.dtype, jnp.floating)
        return [view] if real else None
    with jax.ensure_compile_time_eval():
        moved = [
            np.asarray(a) for a in _compat.bind(equation, jnp.asarray(view.places))
        ]
    # What repeats entries is no move: whoever reads it, reads the entries themselves.
    if sum(places.size for places in moved) > view.places.size:
        return None
    return [View(view.leaf, places.astype(view.places.dtype)) for places in moved]


def _use(equation: Any, views: Mapping[Any, View], derived: set[Any]) -> Use | None:
    """Returns the product of a layer that an equation is, if it is one."""
    if len(equation.invars) != 2:
        return None
    whose = [n for n, v in enumerate(equation.invars)
             if not isinstance(v, _compat.Literal) and v in derived]  # fmt: skip
    if len(whose) != 1 or equation.invars[whose[0]] not in views:
        return None
    (operand,) = whose
    places = views[equation.invars[operand]].places
    if equation.primitive.name == "dot_general":
        return _dense(equation, operand, places)
    if equation.primitive.name == "conv_general_dilated" and operand == 1:
        return _convolution(equation, places)
    return None


def _dense(equation: Any, operand: int, places: np.ndarray) -> Use:
    """Returns a matrix product as the use of a layer."""
    contracted, batch = equation.params["dimension_numbers"]
    other = 1 - operand
    free = [
        [n for n in range(v.aval.ndim) if n not in (*contracted[k], *batch[k])]
        for k, v in enumerate(equation.invars)
    ]
    shapes = [v.aval.shape for v in equation.invars]
    sizes = [
        math.prod(shapes[operand][n] for n in axes)
        for axes in (batch[operand], contracted[operand], free[operand])
    ]
    count = math.prod(shapes[other][n] for n in free[other])
    order = (*batch[operand], *contracted[operand], *free[operand])

    def inputs(array: Array) -> Array:
        array = array.transpose(*free[other], *batch[other], *contracted[other])
        return array.reshape(count, *sizes[:2])

    # Axes of the result: batch, free of the left operand, free of the right one.
    depth, (left, right) = len(batch[0]), map(len, free)
    both = [range(depth, depth + left), range(depth + left, depth + left + right)]

    def outputs(array: Array) -> Array:
        array = array.transpose(*both[other], *range(depth), *both[operand])
        return array.reshape(count, sizes[0], sizes[2])

    return Use(
        equation, operand, places.transpose(order).reshape(sizes), inputs, outputs
    )


def _convolution(equation: Any, places: np.ndarray) -> Use | None:
    """Returns a convolution as the use of a layer, at every place of its result."""
    params = equation.params
    if params["feature_group_count"] != 1 or params["batch_group_count"] != 1:
        return None
    numbers = params["dimension_numbers"]
    kernel = places.transpose(*numbers.rhs_spec[1:], numbers.rhs_spec[0])
    window = kernel.shape[1:-1]
    places = kernel.reshape(1, -1, kernel.shape[-1])

    def features_last(array: Array) -> Array:
        batch, features, *space = numbers.out_spec
        array = array.transpose(batch, *space, features)
        return array.reshape(-1, 1, array.shape[-1])

    def inputs(array: Array) -> Array:
        patches = lax.conv_general_dilated_patches(
            array, window, params["window_strides"], params["padding"],
            params["lhs_dilation"], params["rhs_dilation"],
            dimension_numbers=numbers, precision=lax.Precision.HIGHEST,
        )  # fmt: skip
        return features_last(patches)

    return Use(equation, 1, places, inputs, features_last)


def parts(programs: Sequence[Program], sizes: Sequence[int]) -> list[Part]:
    """Divides the parameters into layers and blocks, the same for several programs.

    Args:
        programs: of all terms.
        sizes: numbers of entries of the parameters.
    """
    # All that is read, once each: the view, and the matrix if it is read by a product.
    reads: dict[Any, tuple[int, np.ndarray, np.ndarray | None]] = {}
    for program in programs:
        for variable in program.read:
            view = program.views[variable]
            reads.setdefault((*view.key, None), (view.leaf, view.places, None))
        for use in program.uses.values():
            leaf = program.views[use.equation.invars[use.operand]].leaf
            key = leaf, use.matrix.tobytes(), use.matrix.shape
            reads.setdefault(key, (leaf, use.matrix, use.matrix))
    found: list[Part] = []
    for leaf, size in enumerate(sizes):
        # What overlaps belongs together.
        groups: list[tuple[np.ndarray, list[np.ndarray | None]]] = []
        for _, places, matrix in (read for read in reads.values() if read[0] == leaf):
            mask, matrices = np.zeros(size, bool), [matrix]
            mask[places.reshape(-1)] = True
            apart = []
            for other, theirs in groups:
                if np.any(mask & other):
                    mask, matrices = mask | other, [*theirs, *matrices]
                else:
                    apart.append((other, theirs))
            groups = [*apart, (mask, matrices)]
        for mask, matrices in groups:
            first = matrices[0]
            if first is not None and all(_alike(first, other) for other in matrices):
                found.append(Part(leaf, first, True))
            else:
                found.append(Part(leaf, np.flatnonzero(mask), False))
    return found


def _alike(matrix: np.ndarray, other: np.ndarray | None) -> bool:
    """Whether two matrices are the same one, or its transpose."""
    return other is not None and any(map(np.array_equal, (matrix,) * 2, _both(other)))


def _both(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return matrix, matrix.transpose(0, 2, 1)


def gradients(
    program: Program, divided: Sequence[Part], leaves: Sequence[Array], rows: Any
) -> tuple[Array, list[Factors | Array | None]]:
    """Returns residuals at one point, (E,), and their gradient by every part.

    Args:
        program: of the residuals.
        divided: the parts of the parameters.
        leaves: the parameters.
        rows: of the point, a list of arrays.

    Returns:
        The residuals, and for each part its `Factors` without the axis of points, an array
        (E, size) for a block, `None` where the program does not read it.
    """
    # Where the entries of a view stand: in which part, and at which places of it.
    blocks = [n for n, part in enumerate(divided) if not part.layer]
    values = {n: _taken(leaves[divided[n].leaf].reshape(-1), divided[n].places)
              for n in blocks}  # fmt: skip
    products: dict[int, tuple[int, bool]] = {}
    for number, use in program.uses.items():
        leaf = program.views[use.equation.invars[use.operand]].leaf
        for n, part in enumerate(divided):
            if part.layer and part.leaf == leaf and _alike(part.places, use.matrix):
                products[number] = n, not np.array_equal(part.places, use.matrix)
    variables = [*program.read]
    variables += [
        use.equation.invars[use.operand]
        for number, use in program.uses.items()
        if number not in products
    ]
    homes = dict(_homes(program, variables, divided, blocks))
    used = sorted({n for n, _ in homes.values()})
    probes = {
        number: jnp.zeros(v.aval.shape, v.aval.dtype)
        for number in products
        for v in program.uses[number].equation.outvars
    }

    def run(probes: dict[int, Array], blocks: dict[int, Array]) -> tuple[Array, Any]:
        seen: dict[int, Array] = {}

        def step(number: int, equation: Any, inputs: list[Any]) -> Sequence[Any]:
            outputs = _compat.bind(equation, *inputs)
            if number in probes:
                use = program.uses[number]
                seen[number] = use.inputs(inputs[1 - use.operand])
                outputs = [outputs[0] + probes[number]]
            return outputs

        known = {
            v: _taken(blocks[n], at).reshape(v.aval.shape).astype(v.aval.dtype)
            for v, (n, at) in homes.items()
        }
        (out,) = _run(program.jaxpr, program.consts, [*leaves, *rows], step, known)
        return out, seen

    held = {n: values[n] for n in used}
    out, pull, seen = jax.vjp(run, probes, held, has_aux=True)
    by_probe, by_block = jax.vmap(pull)(jnp.eye(out.size, dtype=out.dtype))
    found: list[Factors | Array | None] = [by_block.get(n) for n in range(len(divided))]
    for n in {n for n, _ in products.values()}:
        pairs = []
        for number, (part, turned) in products.items():
            if part == n:
                outputs = jax.vmap(program.uses[number].outputs)(by_probe[number])
                pair = [seen[number][None], outputs]
                pairs.append(pair[::-1] if turned else pair)
        found[n] = Factors(*map(_side_by_side, zip(*pairs, strict=True)))
    return out, found


def _homes(
    program: Program,
    variables: Sequence[Any],
    divided: Sequence[Part],
    blocks: Sequence[int],
) -> Iterator[tuple[Any, tuple[int, np.ndarray]]]:
    """Yields views that blocks hold, with the block and the places in it."""
    for variable in dict.fromkeys(variables):
        view = program.views[variable]
        places = view.places.reshape(-1)
        for n in blocks:
            own = divided[n].places
            if divided[n].leaf != view.leaf or not places.size:
                continue
            at = np.searchsorted(own, places)
            if np.all(at < own.size) and np.array_equal(own[at], places):
                yield variable, (n, at)


def _taken(array: Array, at: np.ndarray) -> Array:
    """Returns entries of a flat array; neighbours as a slice, which is cheap."""
    if np.array_equal(at, np.arange(at[0], at[0] + at.size)):
        return array[at[0] : at[0] + at.size]
    return array[at]


def _side_by_side(factors: Sequence[Array]) -> Array:
    """Joins factors (1 or E, C, B, n) of several products along C."""
    rows = max(factor.shape[0] for factor in factors)
    wide = [jnp.broadcast_to(f, (rows, *f.shape[1:])) for f in factors]
    return jnp.concatenate(wide, 1)
