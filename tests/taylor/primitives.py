"""All test programs together, and the primitives that no program can show."""

import jax
import jax.numpy as jnp
import numpy as np
from jax._src.hijax import new_box
from jax.experimental import io_callback

from tests.taylor import (
    programs_arrays,
    programs_calls,
    programs_devices,
    programs_linalg,
    programs_pointwise,
)

PROGRAMS = {
    **programs_pointwise.POINTWISE,
    **programs_arrays.ARRAYS,
    **programs_linalg.LINALG,
    **programs_calls.PROGRAMS,
    **programs_devices.PROGRAMS,
}

_QUICK_TRIANGULAR = {
    "triangular_solve lower, transpose_a",
    "triangular_solve moving matrix",
}

SLOW = frozenset({
    "logsumexp", "log-add-exp",
    "zeta", "bessel i0", "expm", "exponential integral", "cho_solve", "lu wide",
    "lu complex", "lu_solve", "lu tall", "cholesky batched", "cholesky upper",
    "cholesky without symmetrising", "eigvalsh batched", "eigh upper", "gmres", "lstsq",
    "pinv", "solve", "nuclear and spectral norm", "svd wide", "svd complex", "svd values",
    "qr wide", "qr complex", "qr tall", "Laplacian inside", "hessian inside",
    "conv strided, padded, dilated", "conv transposed", "convolve", "conv of batch groups",
    "cumlogsumexp of a matrix", "cumlogsumexp backwards", "standardize",
    "unique entries", "interp",
    "where of a searchsorted", "median and percentile", "slogdet of a stack",
    "complex cosh", "complex log1p", "complex expm1", "complex sign", "complex tanh",
    "complex pow traced", "acos complex", "collectives unchecked", "max pool gradient",
    "tridiagonal_solve of a vector", "matrix_power", "solve of a fixed matrix",
    "custom_linear_solve symmetric", "conjugate gradients", "inv", "det",
    "scan backwards, unrolled", "cond in a scan", "map in batches", "logsumexp with a sign",
    "checkpoint in a scan", "checkpoint with constants", "gather of rows", "hypot",
    "sort by constant keys", "mean and variance", "fft2", "custom_vjp for remat",
    "trapezoid and diff", "vmap of a gather", "segment_sum", "pad by reflection",
    "igamma", "random_gamma", "svd", "eigh complex", "cholesky complex", "betainc",
    "qr pivoted", "norm", "scan in a scan", "vmapped matmul", "einsum of three", "angle",
    "complex log", "complex sin", "complex sqrt", "atan2 behind", "igamma in a", "slogdet",
    "max of a constant", "div of a constant", "rem of a constant", "polynomials", "mod",
    "scatter out of bounds", "scatter-mul of constants",
    "pad of constants", "reduce_prod with zeros", "fori_loop", "rfft", "log_softmax",
    "cumsum of a matrix", "average of a pool", "cross and kron", "custom_gradient",
    "custom_jvp of a constant", "custom_linear_solve of a fixed matrix", "conv grouped",
    "sort of complex numbers", "swish, celu, elu, selu", "mish, squareplus, log_sigmoid",
    "log-add-exp 2", "polygamma", "eig", "jet inside", "svd tall", "complex exp",
    "complex pow", "polar", "transpose", "dot_general two contractions", "outer and dot",
    "checkpoint with a policy", "custom_jvp of a product", "scatter-sub", "cummin",
    "gradient inside", "scan without items", "roll and tile", "max pool derivative",
    "triangular_solve left_side, unit_diagonal", "scatter-min", "reduce_window_min",
    "complex", "real and imag", "abs", "min", "scatter-mul by constants", "while",
    "map", "all_gather_reduced", "references of constants", "ifft", "argsort",
    "reduce_min", "associative_scan", "custom_jvp with static and two", "sort by two keys",
    "custom_vmap alone", "vmapped cond", "checkpoint by names", "scatter-max", "igammac",
    *(n for n in programs_linalg.TRIANGULAR if n not in _QUICK_TRIANGULAR),
})  # fmt: skip
"""Programs that are left to `make test-slow`: variants of others, or slow to compile."""

NO_BATCHING = frozenset({
    "call_hi_primitive", "check", "composite", "linear_call", "linear_call moving",
    "qr pivoted", "ragged dot", "run_state",
})  # fmt: skip
"""Programs that JAX cannot map over a batch."""

FORWARD_ONLY = frozenset({
    "call_hi_primitive", "custom_vjp for remat", "custom_vmap alone", "pad of constants",
    "reduce_window of products", "references of constants", "run_state",
})  # fmt: skip
"""Programs that JAX, or its nested jvps, cannot transpose."""

# --- what must be refused -----------------------------------------------------------

_LIKE_X = jax.ShapeDtypeStruct((3,), jnp.float64)


def _own_reference(x):
    box = jax.new_ref(x * x)
    box[0] = box[1] * 2
    return jax.freeze(box)


def _add_outside(x, outside):
    jax.ref.addupdate(outside, 0, x[0])
    return outside[...] * x


def _set_outside(x, outside):
    outside[0] = x[0]
    return outside[...] * x


def _with_reference(fun):
    return lambda x: fun(x, jax.new_ref(jnp.zeros(3)))


def _boxed(x):
    box = new_box()
    box.set(x * x)
    return box.get()


REFUSED = {
    "addupdate": _with_reference(_add_outside),
    "box_set": _boxed,
    "ffi_call": lambda x: jax.ffi.ffi_call("nothing", _LIKE_X)(x),
    "io_callback": lambda x: io_callback(np.sin, _LIKE_X, x),
    "new_ref": _own_reference,
    "pure_callback": lambda x: jax.pure_callback(np.sin, _LIKE_X, x),
    "swap": _with_reference(_set_outside),
}
"""Primitives that JAX cannot differentiate, or only by state: refused by name."""

_REFUSED_BEFORE = "works on a reference that was refused when it was made"
_FOR_TRANSPOSES = "appears in reverse mode only, after the engine"
_EXTENDED = "converts a user's own extended dtype, which is no float"
_HI = "state of hijax, refused where it is written"
_NO_CPU = "not implemented on CPU; `test_without_a_cpu_lowering` traces it"

NEVER_SEEN = {
    "accum_grad_in_ref": _FOR_TRANSPOSES,
    "box_get": _HI,
    "empty_ref": _REFUSED_BEFORE,
    "eval_jaxpr": "hands its body on as closed_call while it is traced",
    "free_ref": _REFUSED_BEFORE,
    "freeze": _REFUSED_BEFORE,
    "from_edtype": _EXTENDED,
    "log_extend": _HI,
    "log_read": _HI,
    "new_box": _HI,
    "new_log": _HI,
    "pbroadcast": _NO_CPU,
    "ragged_all_to_all": _NO_CPU,
    "stage": "leaves no trace in a jaxpr",
    "to_edtype": _EXTENDED,
}
"""Primitives of this JAX that no program under test can show, and why."""

MULTIHOST = {"global_array_to_host_local_array", "host_local_array_to_global_array"}
"""There are several processes where these are used; registered by a late import."""

OTHER_NAMES = {
    "checkpoint": "remat2",
    "copy_p": "copy",
    "copy_to_host": "device_put",
    "core_call": "call",
    "custom_vjp_call_jaxpr": "custom_vjp_call",
    "expand_dims": "broadcast_in_dim",
    "pjit": "jit",
    "remat": "remat2",
    "scatter_add": "scatter-add",
    "scatter_max": "scatter-max",
    "scatter_min": "scatter-min",
    "scatter_mul": "scatter-mul",
    "scatter_sub": "scatter-sub",
}
"""Names in other versions of JAX, and what the primitive is called here."""
