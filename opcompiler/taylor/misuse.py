"""Errors from inside a user's function, explained by their causes.

    with explained("the network of u cannot be called on one point", "it takes ONE point"):
        found = jax.eval_shape(network, point)

JAX, Flax, Equinox and Haiku raise errors about tracers, scopes and signatures, where the
user has to know that a network is a function of one point that JAX traces. What they raise
becomes an `OperatorError` with the hint of the first row of `_CAUSES` that fits; the error
itself stays as its cause. An exception of a class of the user's own, and what a program
raises for reasons of its own (`ZeroDivisionError`, `AssertionError`), passes as it is, with
a note where it happened.
"""

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from opcompiler.errors import OperatorError

_NO_PARAMETERS = (
    "a Flax Linen module is called by its apply: residual.bind(module.apply), or "
    "residual(lambda point: module.apply(params, point), points)"
)
_PARAMETERS = (
    "apply(params, point) takes the parameters first, as module.init returned them; the "
    "first argument of the bound residual is these, without an optimiser's state"
)
_DROPOUT = (
    "a network in training mode is no fixed function; switch dropout off: "
    "deterministic=True (Flax Linen), model.eval() (Flax NNX), "
    "equinox.nn.inference_mode(model), is_training=False (Haiku)"
)
_BATCH_NORM = (
    "a network in training mode is no function of one point; take running averages: "
    "use_running_average=True (Flax Linen), model.eval() (Flax NNX), "
    "is_training=False (Haiku), or in Equinox lambda point: model(point, state)[0] with "
    "equinox.nn.inference_mode(model)"
)

LOOPS = (
    "differentiate in forward mode, jax.jacfwd, or loop a fixed number of times: "
    "jax.lax.scan, fori_loop with constant ends; jax.experimental.ode.odeint has no such "
    "form; diffrax has it, diffeqsolve(..., adjoint=diffrax.DirectAdjoint())"
)

_WHEN_RUN = (
    (
        r"UnexpectedTracerError",
        "the network uses an array that was made inside another jax.jit, grad or vmap "
        "and kept: return it from there, or give it among the network's parameters",
    ),
    (r"Reverse-mode differentiation does not work for lax\.while_loop", LOOPS),
)
_CAUSES = (
    (
        r"TracerArrayConversionError",
        "functions of NumPy and SciPy take numbers, and JAX traces the network without "
        "any: use jax.numpy and jax.scipy inside it",
    ),
    (
        r"only (length-1|size-1|0-dimensional) arrays|ConcretizationTypeError",
        "math.sin, float, int and .item() take numbers, and JAX traces the network "
        "without any: use jax.numpy inside it, jnp.sin for math.sin",
    ),
    (
        r"TracerBoolConversionError",
        "if, while, and, or, max, assert decide at once, and JAX traces the network "
        "without numbers: write jnp.where(condition, a, b), jnp.maximum, jax.lax.cond",
    ),
    (r"NonConcreteBooleanIndexError", "select by jnp.where(condition, a, b)"),
    (
        r"TracerIntegerConversionError|must be static integers",
        "lengths and list indices are fixed when JAX traces the network: index arrays, "
        "jnp.take(array, i), and loop by jax.lax.fori_loop",
    ),
    *_WHEN_RUN,
    (r"Non-hashable static arg", "an argument that is static in jax.jit is no array"),
    (
        r"UnboundModule|only accessible from inside 'init' or 'apply'|unbound module",
        _NO_PARAMETERS,
    ),
    (r"BatchStat|BatchNorm|batch_stats|axis_name", _BATCH_NORM),
    (r"[Dd]ropout|RngCount|rngs? |PRNG for", _DROPOUT),
    (
        r"missing 1 required positional argument: 'state'",
        "an Equinox model with a state: " + _BATCH_NORM,
    ),
    (
        r"Apply must be called with an RNG|'Transformed' object",
        "Haiku's apply takes a key second: give hk.without_apply_rng(f).apply, or lambda "
        "params, point: f.apply(params, None, point)",
    ),
    (
        r"inside an `hk\.transform`",
        "transform it: f = hk.without_apply_rng(hk.transform(f)), then "
        "residual.bind(f.apply)",
    ),
    (
        r"immutable and do not support in-place",
        "an array of JAX is changed by z.at[0].set(1.0), which returns a new one",
    ),
    (
        r"__contains__|ScopeCollectionNotFound|ApplyScopeInvalidVariables|"
        r"(tuple|list) indices must be integers|"
        r"'(dict|list|tuple)' object has no attribute",
        _PARAMETERS,
    ),
    (r"__init__\(\)|'type' object", "give an object of the class, not the class"),
    (
        r"takes .*positional arguments? but|required positional argument",
        "residual(net, ...) calls net(point), residual.bind(apply) calls "
        "apply(params, point): ",
    ),
    (
        r"has no attribute '?(numpy|detach|cpu|backward|requires_grad)",
        "PyTorch's tensors cannot be traced by JAX: write the network in JAX",
    ),
    (r"sympy|arr\.flat\b", "SymPy works on symbols: use jax.numpy inside the network"),
    (
        r"contracting dimensions|ScopeParamShapeError|scalar shape|initialize with shape",
        "its first layer takes as many numbers as a point has: ",
    ),
)

_WRAPPED = (
    *(TypeError, ValueError, LookupError, AttributeError),
    *(NotImplementedError, RuntimeError, BufferError),
)
_FRAMEWORKS = frozenset(
    [
        *("jax", "jaxlib", "flax", "haiku", "equinox", "optax", "diffrax", "lineax"),
        *("numpy", "scipy", "sympy", "torch"),
    ]
)


@contextmanager
def explained(problem: str, expected: str = "") -> Iterator[None]:
    """Turns what a user's function raises into an error with the hint that fits.

    Args:
        problem: what cannot be done, naming the function.
        expected: what the function takes and returns, the hint where no cause is known;
            "" while the function is only run: then what may be a defect of ours passes.

    Raises:
        OperatorError: as above; one from inside passes as it is.
    """
    try:
        yield
    except OperatorError:
        raise
    except Exception as error:
        causes = _CAUSES if expected else _WHEN_RUN
        said = f"{type(error).__name__}: {error}"
        hint = next((h for pattern, h in causes if re.search(pattern, said)), "")
        if not expected and not hint:
            raise
        if not _is_wrapped(error):
            error.add_note(f"  ({problem})")
            raise
        if hint.endswith(": ") or not hint:
            hint += expected
        where = f"{said.splitlines()[0][:300]}{_line(error)}"
        raise OperatorError(problem, expression=where, hint=hint) from error


def _line(error: Exception) -> str:
    """Returns the line of the user's that an error came from, where there is one."""
    found = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        root = (frame.f_globals.get("__name__") or "").partition(".")[0]
        if root not in _FRAMEWORKS and root not in ("opcompiler", "contextlib"):
            found = f" ({Path(frame.f_code.co_filename).name}, line {line})"
    return found


def _is_wrapped(error: Exception) -> bool:
    """Whether an error is a framework's, or of the kinds that misuse raises."""
    root = type(error).__module__.partition(".")[0]
    if root == "builtins":
        return isinstance(error, _WRAPPED) and not isinstance(error, RecursionError)
    return root in _FRAMEWORKS
