"""The compiled operator: what `opcompiler.compile` returns.

In: an `Operator`, the normal form of the equations. Out: a function of networks and points:

    residual = Residual(operator)              planned once
    residual(net, points, nu=0.01)             evaluated; traced once a call
    residual.bind(apply)(params, points)       evaluated; compiled once

`Residual._evaluate` is the way from points to values, in five steps. What surrounds it
decides what JAX sees of a call: numbers and arrays are traced, functions are part of the
program. Python's and NumPy's numbers are brought to the precision of the points before
`jax.jit` sees them, because it would make an int32 of `10**10`.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from numbers import Number
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.frontend import NormalForm
from opcompiler.ir import Functional
from opcompiler.planning import Plan, plan_functionals
from opcompiler.runtime.indexed import gathered
from opcompiler.runtime.networks import (
    check_callable,
    check_outputs,
    Network,
    read_networks,
)
from opcompiler.runtime.points import check_names, read_points
from opcompiler.runtime.precision import columns_from_host, parameters_from_host
from opcompiler.runtime.pushes import evaluate_functionals
from opcompiler.runtime.quadrature import Rule
from opcompiler.runtime.shell import run_program
from opcompiler.runtime.sites import read_scene, site_points
from opcompiler.runtime.sums import evaluate_sites, evaluate_sums, Numbers
from opcompiler.sampling import draws as draws_of, Estimator
from opcompiler.sampling.estimator import check_key
from opcompiler.taylor.misuse import explained
from opcompiler.taylor.tuning import DEFAULT, Tuning

Rules = Mapping[str, Rule] | None

Functions = tuple[tuple[str, Any], ...]
"""Parameters that are functions of the point, by name; static for `jax.jit`."""


class Inputs(NamedTuple):
    """What a call gives besides the network and functions; JAX may trace all of it."""

    points: Any
    key: Array | None
    numbers: dict[str, Any]
    quadrature: Rules


def _a_call(residual: "Residual", start: str = "residual(net") -> str:
    """Returns a right call of a residual, for hints."""
    columns = residual.operator.columns
    names = ", ".join(column.name for column in columns)
    width = sum(column.width for column in columns)
    more = "".join(f", {name}=..." for name in residual.parameters)
    if residual.estimator is not None:
        more += ", key=jax.random.key(0)"
    if residual.operator.axes:
        rules = (
            f"{axis[0]!r}: oc.gauss_legendre(16)" for axis in residual.operator.axes
        )
        more += f", quadrature={{{', '.join(rules)}}}"
    text = (
        f"{start}, points{more}): points are one array (..., {width}), columns {names}"
    )
    return f"{text}; what follows goes by name" if more else text


@public("oc.compile(equation)")
class Residual:
    """A residual, or several, compiled to JAX.

    Attributes:
        coordinates: the SymPy symbols, in the order of the points' columns.
        fields: names of the fields that one network gives, in the order of its outputs:
            as declared by `fields=` or in the problem, of which a part has all that it
            is a part of. Of several fields of SymPy input without `fields=` the order
            is that in which SymPy sorts them: it means nothing, and then one network
            is refused.
        parameters: names of everything else that must be given at call time, tables
            (`coefficient c[2]`, `IndexedBase`) included, sorted.
        defaults: values of parameters that a call may leave out.
        plan: what is pushed through the networks, and how functionals are read off.
        tuning: how the plan is laid out in arrays.
        estimator: how sums are sampled; `None` if everything is exact.
    """

    def __init__(
        self,
        operator: NormalForm,
        strategy: str = "auto",
        tuning: Tuning = DEFAULT,
        defaults: Mapping[str, complex] | None = None,
        estimator: Estimator | None = None,
        plan: Plan | None = None,
    ) -> None:
        self.operator = operator
        self.estimator = estimator
        known = defaults or {}
        self.parameters = operator.given
        self.defaults = {p: known[p] for p in self.parameters if p in known}
        self.coordinates = operator.coordinates
        self.fields = operator.fields
        self._names = tuple(column.name for column in operator.columns)
        self.tuning = tuning
        self._strategy = strategy
        self.plan = plan or self._plan_for(operator.fields)

    def _plan_for(self, fields: tuple[str, ...]) -> Plan:
        """Returns the plan of some fields alone, joint over them."""
        functionals = tuple(f for f in self.operator.functionals if f.field in fields)
        return plan_functionals(functionals, self.operator.sites, self._strategy)

    @public(_a_call)
    def __call__(
        self,
        net: Any,
        points: Any,
        /,
        *,
        key: Array | None = None,
        quadrature: Rules = None,
        **parameters: Any,
    ) -> Any:
        """Evaluates the residual, or an unbiased estimate of it, at points.

        Works inside `jit`, `grad`, `vmap` and `scan`. A plain function is traced once
        at each call, however many sites and pushes there are: once, so that side
        effects happen once; at each call, because nothing tells when what it closes
        over has changed. Use `bind`, or call inside your own `jit`, in a training loop.
        A network that is a pytree (an Equinox module) is compiled once per structure.

        Args:
            net: a function of ONE point, (d,) -> () or (m,), with the fields in the
                order of `fields`; or a dict of such functions by field (a tuple of
                names for a network that gives several). A field's function receives
                the field's own arguments in the order in which they are written. A
                field that is declared complex may be two real outputs, re and im.
            points: (..., D) in the order of `coordinates`, a vector's components side
                by side, or a dict of arrays (...), (..., d) for a vector.
            key: for an estimator, `jax.random.key`; one key gives one draw.
            quadrature: for each integration variable the (nodes, weights) of a rule on
                [-1, 1], each (Q,), which is mapped to the limits; `gauss_legendre(Q)`.
            **parameters: scalars, arrays of shape (...), or functions of the point
                (all coordinates, (D,) -> ()). An indexed parameter `c[i]` is an array.

        Returns:
            An array of shape (...) for one equation; a tuple or dict of them like the
            equations that were compiled. The dtype is that of the points, or complex.

        Raises:
            OperatorError: if networks, points or parameters do not fit the operator.
        """
        functions, inputs = self._read(points, key, quadrature, parameters)
        module = callable(net) and not isinstance(net, Mapping)
        if not module or jax.tree_util.all_leaves([net]):  # a function is a leaf
            outputs = self._evaluate(net, functions, inputs)
        else:
            leaves, structure = jax.tree.flatten(net)
            arrays = [leaf if _is_array(leaf) else None for leaf in leaves]
            others = tuple(None if _is_array(leaf) else leaf for leaf in leaves)
            outputs = self._compiled((structure, others, functions), arrays, inputs)
        return self._like_equations(outputs)

    @partial(jax.jit, static_argnums=(0, 1))
    def _compiled(self, static: Any, arrays: list[Any], inputs: Inputs) -> list[Array]:
        structure, others, functions = static
        leaves = [
            other if array is None else array
            for array, other in zip(arrays, others, strict=True)
        ]
        return self._evaluate(jax.tree.unflatten(structure, leaves), functions, inputs)

    @public("residual.bind(lambda params, point: ...)")
    def bind(self, apply: Any) -> "Bound":
        """Fixes the form of the network; returns a jit-compiled function.

        Args:
            apply: `apply(params, point)`, or a dict of such functions by field; each
                receives all of `params`.

        Returns:
            `f(params, points, **parameters)`, compiled once per shapes of its
            arguments, whatever their values.
        """
        for each in apply.values() if isinstance(apply, Mapping) else [apply]:
            check_callable("apply", each, "a function of (params, point)")
        return Bound(self, apply)

    def variance(
        self,
        net: Any,
        points: Any,
        key: Array,
        *,
        draws: int = 32,
        **parameters: Any,
    ) -> Any:
        """Returns the variance of the estimate over keys, from some draws.

        Args:
            net: the network, as in a call of the residual.
            points: the points, as in a call of the residual.
            key: `jax.random.key`; it is split.
            draws: number of independent evaluations, at least 2. The relative standard
                error of the result is about `(2 / (draws - 1)) ** 0.5`.
            **parameters: values of the residual's parameters.

        Returns:
            Like the residual's values; the root is the standard error of one evaluation.
            It falls as 1 / samples, so the samples that a tolerance needs follow from it.
        """
        check_key(self.estimator, key)
        if draws < 2:
            raise OperatorError(
                "a variance needs at least two draws",
                expression=f"draws={draws}",
                hint="32 give it to about a quarter of itself",
            )
        one = lambda key: self(net, points, key=key, **parameters)
        values = jax.lax.map(one, jax.random.split(key, draws))
        return jax.tree.map(lambda v: jnp.var(v, axis=0, ddof=1), values)

    def tuned(self, tuning: Tuning) -> "Residual":
        """Returns the same residual, laid out otherwise; see `opcompiler.autotune`."""
        return Residual(
            self.operator,
            self._strategy,
            tuning,
            self.defaults,
            self.estimator,
            self.plan,
        )

    def explain(self) -> str:
        """Returns the plan as text, and how every sum over components is evaluated."""
        sums = self._sums()
        if not sums:
            return str(self.plan)
        return "\n".join([str(self.plan), "", "sums", *(f"  {line}" for line in sums)])

    def source(self) -> str:
        """Returns the emitted function as readable Python."""
        from opcompiler.runtime.source import source_text

        return source_text(self.operator, self.plan)

    def to_html(self, path: str | Path | None = None) -> str:
        """Returns the plan's page with sums and emitted function; writes it to `path`."""
        return self.plan.to_html(path, source=self.source(), sums=self._sums())

    def _sums(self) -> list[str]:
        from opcompiler.runtime.source import sum_lines

        return sum_lines(self.operator, self.estimator)

    def _repr_html_(self) -> str:
        return self.plan._repr_html_()

    def __repr__(self) -> str:
        names = ", ".join(self._names)
        return (
            f"<Residual of {len(self.operator.shell)} equation(s), "
            f"fields {', '.join(self.fields)}, coordinates {names}, "
            f"{self.plan.channels} channels>"
        )

    def _read(
        self,
        points: Any,
        key: Array | None,
        quadrature: Rules,
        given: Mapping[str, Any],
    ) -> tuple[Functions, Inputs]:
        """Returns what a call gives, defaults included, as JAX may see it."""
        points = columns_from_host(points)
        known = {**self.defaults, **given}
        check_names("parameter", known, self.parameters, required=())
        functions, numbers = _split(parameters_from_host(known, points))
        return functions, Inputs(points, key, numbers, quadrature)

    @explained("the networks cannot be run")
    def _evaluate(self, net: Any, functions: Functions, inputs: Inputs) -> list[Array]:
        """Returns one array per equation."""
        operator = self.operator

        # Points as rows, parameters, quadrature rules; draws of the indices of sums.
        where = read_points(inputs.points, operator.columns, operator.parameters)
        parameters = {**inputs.numbers, **dict(functions)}
        scene = read_scene(where, operator, parameters, inputs.quadrature)
        rows, dtype = where.flat.shape[0], where.flat.dtype
        draws = draws_of(self.estimator, inputs.key, rows, dtype)

        # Networks, each pushed at all its sites. A functional is a number per point, or
        # at a site whose directions run with indices one per point and tuple of indices.
        sites = site_points(operator, where, scene)
        plain = {n: given.points for n, given in sites.items() if given.plain}
        values: dict[Functional, Array] = {}
        running: Numbers = {}
        for group in read_networks(net, operator):
            plan = self._plan_for(group.fields)
            if plan.pushes:
                points = sites[plan.pushes[0].site].points
                group = check_outputs(group, points, dict(operator.kinds))
            pushed = evaluate_functionals(plan, group, plain, self.tuning)
            values |= {f: v.reshape(sites[f.site].shape) for f, v in pushed.items()}
            running |= evaluate_sites(
                operator, plan, group, sites, scene, draws, self.tuning
            )
        values |= {f: v for f, (v, _) in running.items() if v.ndim == 1}

        # Sums over the indices, which read those values by name.
        named = zip(operator.functionals, operator.names, strict=True)
        known = {name: values[f] for f, name in named if f in values}
        scene = replace(scene, plain={**scene.plain, **known})
        known = {**scene.plain, **evaluate_sums(operator, running, scene, draws)}

        # The shell: what the equations make of all that.
        known |= {g.name: gathered(g, {}, 0, scene) for g in operator.gathers}
        outputs = run_program(operator.program, known, dtype)
        return [where.restore(output) for output in outputs]

    def _like_equations(self, outputs: list[Array]) -> Any:
        equations = self.operator.equations
        if equations.single:
            return outputs[0]
        if equations.keys is not None:
            return dict(zip(equations.keys, outputs, strict=True))
        return tuple(outputs)


@public("residual.bind(apply)")
class Bound:
    """A residual with the form of its network fixed; see `Residual.bind`."""

    def __init__(self, residual: Residual, apply: Any) -> None:
        self.residual = residual
        self._apply = apply
        self._jitted = jax.jit(self._run, static_argnums=0)

    @public(lambda bound: _a_call(bound.residual, "f(params"))
    def __call__(
        self,
        params: Any,
        points: Any,
        /,
        *,
        key: Array | None = None,
        quadrature: Rules = None,
        **parameters: Any,
    ) -> Any:
        """Evaluates the residual with the network's parameters `params`.

        Args:
            params: the pytree that `apply` takes.
            points: (..., D) in the order of the coordinates, or a dict of columns.
            key: for an estimator, `jax.random.key`; one key gives one draw.
            quadrature: for each integration variable the (nodes, weights) of a rule.
            **parameters: values of the residual's parameters; a new function object is a
                new program.

        Returns:
            What the residual returns: an array (...), or a tuple or dict of them.
        """
        functions, inputs = self.residual._read(points, key, quadrature, parameters)
        _check_params(params)
        outputs = self._jitted(functions, params, inputs)
        # Outside of jit, which would sort the keys of a dict.
        return self.residual._like_equations(outputs)

    def lower(
        self,
        params: Any,
        points: Any,
        /,
        *,
        key: Array | None = None,
        quadrature: Rules = None,
        **parameters: Any,
    ) -> jax.stages.Lowered:
        """Lowers the program for the shapes of its arguments, as `jax.jit(f).lower` does.

        Args:
            params: the pytree that `apply` takes, of arrays or `jax.ShapeDtypeStruct`s.
            points: the points, or their shapes.
            key: for an estimator, a key or its shape.
            quadrature: for each integration variable a rule.
            **parameters: values, or their shapes. Functions, and defaults that are not
                given, become part of the program.

        Returns:
            The lowered program: `.as_text()`, `.compile()`. What it compiles to is called
            with the same arguments, functions left out; a dict of equations comes back
            as an `OrderedDict`.

        Raises:
            OperatorError: if networks, points or parameters do not fit the operator.

        Example: `f.lower(params, points, nu=0.01).compile().cost_analysis()`.
        """
        functions, numbers = _split(parameters)
        _check_params(params)

        def run(params: Any, points: Any, **given: Any) -> Any:
            key, quadrature = given.pop("key", None), given.pop("quadrature", None)
            given |= dict(functions)
            own, inputs = self.residual._read(points, key, quadrature, given)
            outputs = self._run(own, params, inputs)
            values = self.residual._like_equations(outputs)
            return OrderedDict(values) if isinstance(values, dict) else values

        optional = {"key": key, "quadrature": quadrature}
        given = {name: value for name, value in optional.items() if value is not None}
        return jax.jit(run).lower(params, points, **given, **numbers)

    def __reduce__(self) -> tuple[Any, ...]:
        # What is compiled stays here: a copy compiles anew.
        return Bound, (self.residual, self._apply)

    def _run(self, functions: Functions, params: Any, inputs: Inputs) -> list[Array]:
        if isinstance(self._apply, Mapping):
            net: Any = {key: _with(params, apply) for key, apply in self._apply.items()}
        else:
            net = _with(params, self._apply)
        return self.residual._evaluate(net, functions, inputs)


def _check_params(params: Any) -> None:
    """Refuses what JAX could not trace: a module with functions among its leaves."""
    for path, leaf in jax.tree.leaves_with_path(params):
        if not _is_array(leaf) and not isinstance(leaf, Number):
            raise OperatorError(
                "the network's parameters hold what is no array",
                expression=f"params{jax.tree_util.keystr(path)} = {leaf!r}"[:200],
                hint="bind takes arrays: split the module, eqx.partition(model, "
                "eqx.is_array), and combine it inside apply; or call "
                "residual(model, points), which takes it whole",
            )


def _with(params: Any, apply: Callable[[Any, Array], Any]) -> Network:
    return lambda point: apply(params, point)


def _split(parameters: Mapping[str, Any]) -> tuple[Functions, dict[str, Any]]:
    """Splits parameters into functions, which are static, and numbers."""
    functions = tuple(sorted((k, v) for k, v in parameters.items() if callable(v)))
    numbers = {k: v for k, v in parameters.items() if not callable(v)}
    return functions, numbers


def _is_array(leaf: Any) -> bool:
    return hasattr(leaf, "shape") and hasattr(leaf, "dtype")
