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

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler import _compat
from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.frontend import equation_formulas, equation_texts, NormalForm
from opcompiler.ir import Functional
from opcompiler.planning import Plan, plan_functionals
from opcompiler.planning.kinds import KINDS
from opcompiler.runtime.bound import Bound
from opcompiler.runtime.calls import a_call, Functions, Inputs, is_array, Rules, split
from opcompiler.runtime.host import columns_from_host, parameters_from_host
from opcompiler.runtime.indexed import gathered, Input, Scene
from opcompiler.runtime.networks import (
    check_callable,
    check_outputs,
    Group,
    read_networks,
)
from opcompiler.runtime.points import check_names, Points, read_points
from opcompiler.runtime.pushes import evaluate_functionals
from opcompiler.runtime.reprs import counted, listed
from opcompiler.runtime.shell import run_program
from opcompiler.runtime.sites import (
    read_numbers,
    read_scene,
    site_points,
)
from opcompiler.runtime.sums import evaluate_sites, evaluate_sums, LONG, Numbers
from opcompiler.runtime.tiles import add_up, Footprint, map_tiles, Tiles
from opcompiler.runtime.weights import read_weight, weights_from_host
from opcompiler.sampling import draws as draws_of, Estimator
from opcompiler.sampling.estimator import check_key, Draws
from opcompiler.taylor.misuse import explained
from opcompiler.taylor.tuning import DEFAULT, Tuning


class Batch(NamedTuple):
    """Points, and all that a call says of them.

    Attributes:
        points: rows or a product, of their own shape.
        varying: parameters that vary with the point, (*axes, ...), by name.
        others: all other parameters, functions among them, by name.
        quadrature: rules by integration variable.
        draws: of the indices of sums.
    """

    points: Points
    varying: dict[str, Array]
    others: dict[str, Any]
    quadrature: Rules
    draws: Draws

    def rows(self) -> Any:
        """Returns all that varies with the point, arrays (*axes, ...)."""
        rows = self.draws.rows(self.points.count)
        return self.points.parts, self.varying, rows

    def at(self, rows: Any) -> "Batch":
        """Returns the batch of some of the points, of which these are the rows."""
        parts, varying, drawn = rows
        points = replace(self.points, parts=parts).shaped
        return self._replace(points=points, varying=varying, draws=self.draws.at(drawn))


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

    Examples:
        >>> x, y = sp.symbols("x y")
        >>> u = sp.Function("u")(x, y)
        >>> residual = oc.compile(u.diff(x, 3, y))
        >>> residual.plan.channels, residual.coordinates, residual.fields
        (8, (x, y), ('u',))
    """

    def __init__(
        self,
        operator: NormalForm,
        strategy: str = "auto",
        tuning: Tuning = DEFAULT,
        defaults: Mapping[str, complex] | None = None,
        estimator: Estimator | None = None,
        plan: Plan | None = None,
        exact: NormalForm | None = None,
    ) -> None:
        self.operator = operator
        self.estimator = estimator
        self._exact = operator if exact is None else exact
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

    @public(a_call)
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
                by side; or a dict of arrays (...), (..., d) for a vector; or a grid of
                axes, `opcompiler.grid`.
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

        Examples:
            >>> residual(lambda p: p[0] ** 3 * p[1], jnp.ones((2, 2))).tolist()
            [6.0, 6.0]
            >>> residual(lambda p: p[0] ** 3 * p[1], {"x": jnp.ones(5), "y": 2.0}).shape
            (5,)
        """
        functions, inputs = self._read(points, key, quadrature, parameters)
        module = callable(net) and not isinstance(net, Mapping)
        if not module or jax.tree_util.all_leaves([net]):  # a function is a leaf
            outputs = self._evaluate(net, functions, inputs)
        else:
            leaves, structure = jax.tree.flatten(net)
            arrays = [leaf if is_array(leaf) else None for leaf in leaves]
            others = tuple(None if is_array(leaf) else leaf for leaf in leaves)
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
    def bind(self, apply: Any) -> Bound:
        """Fixes the form of the network; returns a jit-compiled function.

        Args:
            apply: `apply(params, point)`, or a dict of such functions by field; each
                receives all of `params`.

        Returns:
            `f(params, points, **parameters)`, compiled once per shapes of its
            arguments, whatever their values.

        Raises:
            OperatorError: for what is no function.

        Examples:
            >>> f = residual.bind(lambda w, p: w * p[0] ** 3 * p[1])
            >>> f(jnp.array(2.0), jnp.ones((2, 2))).tolist()
            [12.0, 12.0]
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

        Raises:
            OperatorError: if nothing is sampled, for fewer than two draws, and if networks,
                points or parameters do not fit the operator.

        Examples:
            >>> X = oc.vector("x", 100)
            >>> v = sp.Function("v")(X)
            >>> sampled = oc.compile(oc.laplacian(v, X), estimator=oc.Sparse(4))
            >>> net, points = lambda p: jnp.sum(p**4), jnp.ones((3, 100))
            >>> # every term is 12, so that draws do not differ
            >>> sampled.variance(net, points, jax.random.key(0)).tolist()
            [0.0, 0.0, 0.0]
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
        """Returns the same residual, laid out otherwise; see `opcompiler.autotune`.

        Args:
            tuning: choices that change speed and memory, and no number but by rounding.

        Returns:
            A new residual; this one stays as it is.

        Examples:
            >>> from dataclasses import replace
            >>> residual.tuned(replace(residual.tuning, tile=256)).tuning.tile
            256
        """
        return Residual(
            self.operator,
            self._strategy,
            tuning,
            self.defaults,
            self.estimator,
            self.plan,
            self._exact,
        )

    @property
    def exact(self) -> "Residual":
        """The same residual with nothing sampled; itself, if nothing is."""
        if self.estimator is None:
            return self
        return Residual(self._exact, self._strategy, self.tuning, self.defaults)

    def explain(
        self,
        net: Any = None,
        points: Any = None,
        /,
        *,
        quadrature: Rules = None,
        **parameters: Any,
    ) -> str:
        """Returns the plan as text, how sums are evaluated, and what a network makes of it.

        With a network and points it says what each push costs, counted in the arithmetic
        of the network alone at the points, and where its directions were written out at
        every element, exchanged for fewer, or pushed some at a time: by primitive and line
        of the network. Of each sampled sum it says what all its terms would cost, and
        whether that is less than the draw. Nothing is run.

        Args:
            net: the network, as in a call of the residual; none for the plan alone.
            points: the points, as in a call of the residual.
            quadrature: for each integration variable a rule.
            **parameters: values of the residual's parameters.

        Returns:
            Lines of text.

        Raises:
            OperatorError: if networks, points or parameters do not fit the operator.

        Examples:
            >>> X = oc.vector("x", 1000)
            >>> residual = oc.compile(oc.laplacian(sp.Function("u")(X), X))
            >>> first, second = jnp.ones((1000, 8)), jnp.ones((8, 64))
            >>> net = lambda p: jnp.sum(jnp.tanh(jnp.tanh(p @ first) @ second))
            >>> lines = residual.explain(net, jnp.ones((4, 1000))).splitlines()
            >>> lines[-1].split(", ")[0]
            '    8 in the place of 1000 behind dot_general'
        """
        parts = [str(self.plan)]
        if sums := self._sums():
            parts += ["", "sums", *(f"  {line}" for line in sums)]
        if net is not None:
            parts += ["", *self._costs(net, points, quadrature, parameters)]
        return "\n".join(parts)

    @explained("the networks cannot be run")
    def _costs(
        self, net: Any, points: Any, quadrature: Rules, given: Mapping[str, Any]
    ) -> list[str]:
        from opcompiler.runtime.costs import cost_lines

        # Any key will do: what is drawn costs the same whichever it is.
        key = None if self.estimator is None else jax.random.key(0)
        return cost_lines(self, net, *self._read(points, key, quadrature, given))

    def source(self) -> str:
        """Returns the emitted function as readable Python.

        It is printed from the data that run, and is never executed itself.

        Returns:
            Coordinates, pushes, read-outs and arithmetic, a line each.

        Examples:
            >>> x = sp.Symbol("x")
            >>> print(oc.compile(sp.Function("u")(x).diff(x, 2)).source(), end="")
            def residual(net, points):
                x = points[..., 0]
                # 3 channels, by degree 1 1 1
                c0 = taylor.push(net, (x,), c1=e0)
                u_xx = 2*c0[2].u
                return u_xx
        """
        from opcompiler.runtime.source import source_text

        return source_text(self.operator, self.plan)

    def to_html(
        self,
        path: str | Path | None = None,
        net: Any = None,
        points: Any = None,
        /,
        *,
        quadrature: Rules = None,
        **parameters: Any,
    ) -> str:
        """Returns a page about the plan that needs nothing but itself, and writes it.

        It has the equations, why this plan was taken, the derivation graph, channels,
        every other strategy's cost, sums, the emitted function, and with a network and
        points what `explain` says of them.

        Args:
            path: of the file to be written; no file, if `None`.
            net: the network, as in a call of the residual; none for the plan alone.
            points: the points, as in a call of the residual.
            quadrature: for each integration variable a rule.
            **parameters: values of the residual's parameters.

        Returns:
            The HTML document.

        Raises:
            OperatorError: if the file cannot be written; if networks, points or parameters
                do not fit the operator.

        Examples:
            >>> x = sp.Symbol("x")
            >>> page = oc.compile(sp.Function("u")(x).diff(x, 2)).to_html()
            >>> "u_xx = 0" in page, "Why this plan" in page
            (True, True)
        """
        costs = []
        if net is not None:
            costs = self._costs(net, points, quadrature, parameters)
        return self.plan.to_html(
            path,
            source=self.source(),
            sums=self._sums(),
            equations=self._texts(),
            costs=costs,
        )

    def _texts(self) -> tuple[str, ...]:
        return equation_texts(self.operator)

    def _sums(self) -> list[str]:
        from opcompiler.runtime.source import sum_lines

        return sum_lines(self.operator, self.estimator)

    def _repr_html_(self) -> str:
        return self.plan.view("card", equations=self._texts())

    def _repr_latex_(self) -> str:
        lines = " \\\\ ".join(f"{e} &= 0" for e in equation_formulas(self.operator))
        return f"$\\displaystyle \\begin{{aligned}} {lines} \\end{{aligned}}$"

    def __repr__(self) -> str:
        parts = [
            f"Residual of {counted(len(self.operator.shell), 'equation')}",
            listed("field", self.fields),
            listed("coordinate", self._names),
            *([listed("parameter", self.parameters)] if self.parameters else []),
            counted(self.plan.channels, "channel"),
        ]
        if self.estimator is not None:
            parts.append(f"sampled by {type(self.estimator).__name__}")
        return f"<{', '.join(parts)}>"

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
        functions, numbers = split(parameters_from_host(known, points))
        return functions, Inputs(points, key, numbers, quadrature)

    @explained("the networks cannot be run")
    def _evaluate(self, net: Any, functions: Functions, inputs: Inputs) -> list[Array]:
        """Returns one array per equation, of the shape of the points."""
        where, batch = self._batch(functions, inputs)
        groups = read_networks(net, self.operator, inputs.points)

        def at(batch: Batch) -> list[Array]:
            values = self._values(groups, batch)
            return [batch.points.restore(value) for value in values]

        values = None
        if _compat.is_compiled():
            footprint = self._footprint(groups, batch)
            if footprint.worth_tiles(where.count):
                most = self.tuning.tile or footprint.tile()
                tiles = Tiles.of(where.shape, most)
                values = map_tiles(lambda rows: at(batch.at(rows)), batch.rows(), tiles)
        return [where.restore(value) for value in values or at(batch)]

    @explained("the networks cannot be run")
    def _mean_square(
        self, net: Any, functions: Functions, inputs: Inputs, weights: list[Any]
    ) -> Array:
        """Returns the mean over points of squares, summed over equations, (); by tiles."""
        where, batch = self._batch(functions, inputs)
        if not where.count:
            raise OperatorError(
                "a loss is a mean over points, and there are none",
                expression=f"points {(*where.leading, where.width)}",
                hint="give one point or more",
            )
        groups = read_networks(net, self.operator, inputs.points)
        factors = [read_weight(weight, where) for weight in weights]
        rows = batch.rows(), [factor for factor in factors if factor.ndim]

        def squares(rows: Any, inside: Array | None) -> Array:
            own, by_point = batch.at(rows[0]), iter(rows[1])
            total: Any = 0
            for value, factor in zip(self._values(groups, own), factors, strict=True):
                array = own.points.restore(value)
                square = jnp.real(array) ** 2
                if jnp.iscomplexobj(array):
                    square = square + jnp.imag(array) ** 2
                total = total + (next(by_point) if factor.ndim else factor) * square
            return jnp.sum(total if inside is None else jnp.where(inside, total, 0))

        most = self.tuning.tile or self._footprint(groups, batch).tile()
        return add_up(squares, rows, Tiles.of(where.shape, most)) / where.count

    def _batch(
        self, functions: Functions, inputs: Inputs, as_rows: bool = False
    ) -> tuple[Points, Batch]:
        """Reads points, a grid perhaps as rows, numbers and draws of indices of sums."""
        operator = self.operator
        rank = None if operator.indexed or as_rows else len(operator.axes)
        where = read_points(inputs.points, operator.columns, operator.parameters, rank)
        given = {**inputs.numbers, **dict(functions)}
        varying, others = read_numbers(where, operator, given)
        count, dtype = where.count, where.dtype
        draws = draws_of(self.estimator, inputs.key, operator.sites, count, dtype)
        return where, Batch(where.shaped, varying, others, inputs.quadrature, draws)

    def _footprint(self, groups: list[Group], batch: Batch) -> Footprint:
        """Returns what one point takes, all pushes of all networks together."""
        found: list[Footprint] = []
        # Nothing of what is computed for it becomes part of the program.
        jax.eval_shape(lambda: found.append(self._measured(groups, batch)))
        return found[0]

    def _arguments(self, batch: Batch) -> tuple[Scene, dict[int, Input]]:
        """Returns what programs read, and arguments at all sites: only shapes are right."""
        operator, points = self.operator, batch.points
        parameters = {**batch.others, **batch.varying}
        scene = read_scene(points, operator, parameters, batch.quadrature)
        sites: dict[int, Input] = {}
        for stage in operator.stages:
            sites |= site_points(operator, stage, points, scene)
            # What later stages read has numbers of that shape in its place.
            read = {f: n for f, n in operator.named if f.site in stage}
            shapes = {n: sites[f.site].where.shape for f, n in read.items()}
            scene = scene.knowing(
                {n: jnp.zeros(shape, points.dtype) for n, shape in shapes.items()}
            )
        return scene, sites

    def _measured(self, groups: list[Group], batch: Batch) -> Footprint:
        operator, points = self.operator, batch.points
        _, sites = self._arguments(batch)
        made, widest, held = float(points.width), 1.0, 0
        for group in groups:
            for push in self._plan_for(group.fields).pushes:
                site, where = operator.sites[push.site], sites[push.site].where
                check_outputs(group, where, dict(operator.kinds))
                numbers, most, own = group.network.size(where)
                algebra = push.algebra
                if site.sampled:
                    # A running direction is as many channels as are pushed at a time;
                    # what is read last is summed.
                    count = min(batch.draws(site).count, self.tuning.chunk or LONG)
                    channels = sum(
                        1 if channel.degree in (0, algebra.order) else count
                        for channel in algebra.channels
                    )
                else:
                    every, fields = set(range(algebra.size)), set(group.fields)
                    channels = len(KINDS[push.kind].arrays(push, 0, every, fields))
                # A condition has fewer points than all, an integral more.
                made += numbers * channels * where.count / max(points.count, 1)
                widest, held = max(widest, most), max(held, own)
        return Footprint(made, widest, held, points.dtype.itemsize)

    def _values(self, groups: list[Group], batch: Batch) -> list[Any]:
        """Returns one number per equation and point, or one per equation."""
        operator = self.operator

        # What programs read at the points.
        where = batch.points
        parameters = {**batch.others, **batch.varying}
        scene = read_scene(where, operator, parameters, batch.quadrature)
        dtype, draws = where.dtype, batch.draws

        # Stage by stage: the fields' arguments at its sites, which may need functionals of
        # earlier stages, then networks, each pushed at all of these. A functional is a
        # number per point, or at a site whose directions run with indices one per point
        # and tuple of indices.
        running: Numbers = {}
        for stage in operator.stages:
            sites = site_points(operator, stage, where, scene)
            plain = {n: given.where for n, given in sites.items() if given.plain}
            values: dict[Functional, Array] = {}
            for group in groups:
                plan = self._plan_for(group.fields)
                here = [push.site for push in plan.pushes if push.site in sites]
                if here:
                    at = sites[here[0]].where
                    group = check_outputs(group, at, dict(operator.kinds))
                values |= evaluate_functionals(plan, group, plain, self.tuning)
                running |= evaluate_sites(
                    operator, plan, group, sites, scene, draws, self.tuning
                )
            values |= {f: v for f, (v, _) in running.items() if v.ndim == 1}
            scene = scene.knowing(
                {n: values[f] for f, n in operator.named if f in values}
            )

        # Sums over the indices, which read those values by name.
        known = {**scene.plain, **evaluate_sums(operator, running, scene, draws)}

        # The shell: what the equations make of all that.
        known |= {g.name: gathered(g, {}, 0, scene) for g in operator.gathers}
        return run_program(operator.program, known, dtype)

    def _weights(self, given: Any, points: Any) -> list[Any]:
        """Returns a weight per equation, those of Python and NumPy as the points are."""
        if "weights" in self.parameters:
            raise OperatorError(
                "weights are those of the loss, and a parameter of the equations has the "
                "same name",
                expression="weights",
                hint="give the parameter another name",
            )
        equations = self.operator.equations
        count = 0 if equations.single else len(self.operator.shell)
        return weights_from_host(given, equations.keys, count, points)

    def _like_equations(self, outputs: list[Array]) -> Any:
        equations = self.operator.equations
        if equations.single:
            return outputs[0]
        if equations.keys is not None:
            return dict(zip(equations.keys, outputs, strict=True))
        return tuple(outputs)
