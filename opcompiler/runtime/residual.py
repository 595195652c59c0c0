"""The compiled operator: what `opcompiler.compile` returns."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from numbers import Number
from pathlib import Path
from typing import Any

import jax
from jax import Array

from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.frontend import NormalForm
from opcompiler.ir import Functional
from opcompiler.planning import Plan, plan_functionals
from opcompiler.runtime.explanation import explanation, sum_lines
from opcompiler.runtime.indexed import gathered, Input
from opcompiler.runtime.losses import variance
from opcompiler.runtime.networks import (
    check_callable,
    check_outputs,
    Group,
    Network,
    read_networks,
)
from opcompiler.runtime.points import check_names, read_points
from opcompiler.runtime.precision import columns_from_host, parameters_from_host
from opcompiler.runtime.pushes import evaluate_functionals
from opcompiler.runtime.quadrature import Rule
from opcompiler.runtime.shell import run_program
from opcompiler.runtime.sites import read_scene, site_points
from opcompiler.runtime.source import source_text
from opcompiler.runtime.sums import evaluate_sites, evaluate_sums, Running
from opcompiler.sampling import draws as draws_of, Estimator
from opcompiler.sampling.estimator import check_key
from opcompiler.taylor.misuse import explained
from opcompiler.taylor.tuning import DEFAULT, Tuning

Rules = Mapping[str, Rule] | None


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
        defaults: values of parameters that need not be given.
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
        self.plan = self._plan_for(operator.fields)

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
        points = columns_from_host(points)
        parameters = self._from_host(parameters, points)
        if isinstance(net, Mapping) or not callable(net) or _is_leaf(net):
            outputs = self._evaluate(net, points, key, parameters, quadrature)
            return self._like_equations(outputs)
        leaves, structure = jax.tree.flatten(net)
        arrays = [leaf for leaf in leaves if _is_array(leaf)]
        others = tuple(None if _is_array(leaf) else leaf for leaf in leaves)
        functions, numbers = _split(parameters)
        outputs = self._compiled(
            structure, others, functions, arrays, points, key, numbers, quadrature
        )
        return self._like_equations(outputs)

    @partial(jax.jit, static_argnums=(0, 1, 2, 3))
    def _compiled(
        self,
        structure: Any,
        others: tuple[Any, ...],
        functions: tuple[tuple[str, Any], ...],
        arrays: list[Array],
        points: Any,
        key: Array | None,
        numbers: dict[str, Any],
        quadrature: Rules,
    ) -> list[Array]:
        pending = iter(arrays)
        leaves = [next(pending) if leaf is None else leaf for leaf in others]
        net = jax.tree.unflatten(structure, leaves)
        parameters = {**numbers, **dict(functions)}
        return self._evaluate(net, points, key, parameters, quadrature)

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
        """Returns the variance of the estimate over keys; see `lowering.losses.variance`.

        The root is the standard error of one evaluation, of the shape of its values.
        """
        check_key(self.estimator, key)
        return variance(self, net, points, key, draws, **parameters)

    def tuned(self, tuning: Tuning) -> "Residual":
        """Returns the same residual, laid out otherwise; see `opcompiler.autotune`."""
        return Residual(
            self.operator, self._strategy, tuning, self.defaults, self.estimator
        )

    def explain(self) -> str:
        """Returns the plan as text, and how every sum over components is evaluated."""
        return explanation(self.operator, self.plan, self.estimator)

    def source(self) -> str:
        """Returns the emitted function as readable Python."""
        return source_text(self.operator, self.plan)

    def to_html(self, path: str | Path | None = None) -> str:
        """Returns the plan's page with sums and emitted function; writes it to `path`."""
        sums = sum_lines(self.operator, self.estimator)
        return self.plan.to_html(path, source=self.source(), sums=sums)

    def _repr_html_(self) -> str:
        return self.plan._repr_html_()

    def __repr__(self) -> str:
        names = ", ".join(self._names)
        return (
            f"<Residual of {len(self.operator.shell)} equation(s), "
            f"fields {', '.join(self.fields)}, coordinates {names}, "
            f"{self.plan.channels} channels>"
        )

    def _from_host(self, given: Mapping[str, Any], points: Any) -> dict[str, Any]:
        """Returns parameters, defaults included, as JAX may see them."""
        known = {**self.defaults, **given}
        check_names("parameter", known, self.parameters, required=())
        return parameters_from_host(known, points)

    @explained("the networks cannot be run")
    def _evaluate(
        self,
        net: Any,
        points: Any,
        key: Array | None,
        parameters: Mapping[str, Any],
        quadrature: Rules = None,
    ) -> list[Array]:
        """Returns one array per equation."""
        operator = self.operator
        where = read_points(points, operator.columns, operator.parameters)
        draws = draws_of(self.estimator, key, where.flat.shape[0], where.flat.dtype)
        scene = read_scene(where, operator, parameters, quadrature)
        sites = site_points(operator, where, scene)
        functionals: dict[Functional, Array] = {}
        running: Running = {}
        for group in read_networks(net, operator):
            plan = self._plan_for(group.fields)
            group = self._checked(group, plan, sites)
            plain = {n: given.points for n, given in sites.items() if given.plain}
            at_sites = evaluate_functionals(plan, group, plain, self.tuning)
            functionals |= {
                f: v.reshape(sites[f.site].shape) for f, v in at_sites.items()
            }
            running |= evaluate_sites(
                operator, plan, group, sites, scene, draws, self.tuning
            )
        functionals |= {f: v for f, (v, _) in running.items() if v.ndim == 1}
        values = dict(scene.plain)
        for functional, name in zip(operator.functionals, operator.names, strict=True):
            if functional in functionals:
                values[name] = functionals[functional]
        scene = replace(scene, plain=values)
        values = values | evaluate_sums(operator, running, scene, draws)
        for gather in operator.gathers:
            values[gather.name] = gathered(gather, {}, 0, scene)
        outputs = run_program(operator.program, values, scene.dtype)
        return [where.restore(output) for output in outputs]

    def _checked(self, group: Group, plan: Plan, sites: Mapping[int, Input]) -> Group:
        for push in plan.pushes[:1]:
            points = sites[push.site].points
            return check_outputs(group, points, dict(self.operator.kinds))
        return group

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
            points: as for the residual.
            key: as for the residual.
            quadrature: as for the residual.
            **parameters: as for the residual; a new function object is a new program.

        Returns:
            As the residual.
        """
        points = columns_from_host(points)
        given = self.residual._from_host(parameters, points)
        functions, numbers = _split(given)
        _check_params(params)
        outputs = self._jitted(functions, params, points, key, numbers, quadrature)
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
            params: as for a call; arrays, or `jax.ShapeDtypeStruct`s in their place.
            points: likewise.
            key: likewise.
            quadrature: likewise.
            **parameters: likewise. Functions, and defaults that are not given, become
                part of the program.

        Returns:
            The lowered program: `.as_text()`, `.compile()`. What it compiles to is called
            with the same arguments, functions left out; a dict of equations comes back
            as an `OrderedDict`.

        Raises:
            OperatorError: as a call.

        Example: `f.lower(params, points, nu=0.01).compile().cost_analysis()`.
        """
        functions, numbers = _split(parameters)
        _check_params(params)

        def run(params: Any, points: Any, **given: Any) -> Any:
            key, quadrature = given.pop("key", None), given.pop("quadrature", None)
            known = self.residual._from_host(given, points)
            outputs = self._run(functions, params, points, key, known, quadrature)
            values = self.residual._like_equations(outputs)
            return OrderedDict(values) if isinstance(values, dict) else values

        optional = {"key": key, "quadrature": quadrature}
        given = {name: value for name, value in optional.items() if value is not None}
        return jax.jit(run).lower(params, points, **given, **numbers)

    def __reduce__(self) -> tuple[Any, ...]:
        # What is compiled stays here: a copy compiles anew.
        return Bound, (self.residual, self._apply)

    def _run(
        self,
        functions: tuple[tuple[str, Any], ...],
        params: Any,
        points: Any,
        key: Array | None,
        numbers: dict[str, Any],
        quadrature: Rules,
    ) -> list[Array]:
        if isinstance(self._apply, Mapping):
            net: Any = {key: _with(params, apply) for key, apply in self._apply.items()}
        else:
            net = _with(params, self._apply)
        parameters = {**numbers, **dict(functions)}
        return self.residual._evaluate(net, points, key, parameters, quadrature)


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


def _split(
    parameters: Mapping[str, Any],
) -> tuple[tuple[tuple[str, Any], ...], dict[str, Any]]:
    """Splits parameters into functions, which are static, and numbers."""
    functions = tuple(sorted((k, v) for k, v in parameters.items() if callable(v)))
    numbers = {k: v for k, v in parameters.items() if not callable(v)}
    return functions, numbers


def _is_leaf(net: Any) -> bool:
    """Whether JAX sees no structure in a network: a plain function."""
    leaves = jax.tree.leaves(net)
    return len(leaves) == 1 and leaves[0] is net


def _is_array(leaf: Any) -> bool:
    return hasattr(leaf, "shape") and hasattr(leaf, "dtype")
