"""The cases: each compiles an operator, and says what came of it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import opcompiler as oc
from tests.corpus import Record
from tests.end_to_end import test_corpus as corpus
from tests.oracle.networks import Bank
from tests.planning import test_channel_table as table
from tests.statistical import test_unbiased as estimators

PATH = Path(__file__).with_name("frozen.json")

SCALE = 1.25
"""The one parameter of every network, a factor of its output: gradients are taken by it."""

Frozen = dict[str, Any]
Case = Callable[[], Frozen]


def cases() -> dict[str, Case]:
    """Every case by its name; calling one compiles and evaluates it."""
    return dict(_cases())


def _cases() -> Iterator[tuple[str, Case]]:
    for record in corpus.RECORDS:
        yield f"corpus/{record.name}", lambda r=record: _written_out(r)
    for record in corpus.HELD:
        yield f"held/{record.name}", lambda r=record: _held(r)
    for name in table.ROWS:
        yield f"plans/{name}", lambda n=name: _plans(n)
    for name in estimators.OPERATORS:
        yield f"sampled/{name}", lambda n=name: _sampled(n)


def _written_out(record: Record) -> Frozen:
    residual = oc.compile(list(record.equations))
    columns = [record.coordinates.index(c) for c in residual.coordinates]
    return _frozen(residual, record, corpus.points(record)[:, columns], {})


def _held(record: Record) -> Frozen:
    out = record.written_out()
    residual = oc.compile(list(record.held()))
    columns = {str(c): n for n, c in enumerate(out.coordinates)}
    order = [
        n for c in residual.coordinates for n in corpus.components(str(c), columns)
    ]
    return _frozen(residual, out, corpus.points(out)[:, order], record.tables)


def _frozen(
    residual: oc.Residual, record: Record, points: np.ndarray, tables: dict[str, Any]
) -> Frozen:
    banks = {dtype: _bank(record, dtype) for dtype in (jnp.float64, jnp.float32)}
    rules = corpus.quadrature(residual)
    known = {**corpus.parameters(record), **tables}
    given = {n: v for n, v in known.items() if n in {*residual.parameters, *tables}}

    def values(scale: Any, dtype: Any) -> list[jax.Array]:
        def scaled(name: str) -> Callable[[jax.Array], jax.Array]:
            field = banks[dtype].field("tanh", name)
            return lambda z: field(z) * scale

        nets = {name: scaled(name) for name in residual.fields}
        at = jnp.asarray(points, dtype)
        return jax.tree.leaves(residual(nets, at, quadrature=rules, **given))

    return _summary(residual, values)


def _bank(record: Record, dtype: Any) -> Bank:
    """The record's networks with weights of a dtype."""
    bank = corpus.bank(record, activations=("tanh",), shared=())
    bank._layers = jax.tree.map(lambda w: w.astype(dtype), bank._layers)
    return bank


def _like(array: jax.Array, dtype: Any) -> jax.Array:
    complex_valued = jnp.issubdtype(array.dtype, jnp.complexfloating)
    return array.astype(
        jnp.result_type(dtype, jnp.complex64) if complex_valued else dtype
    )


def _sampled(name: str) -> Frozen:
    equation, estimator = estimators.OPERATORS[name]
    residual = oc.compile(equation, estimator=estimator)
    given = estimators.given(residual)

    def values(scale: Any, dtype: Any) -> list[jax.Array]:
        at = jnp.asarray(estimators.POINTS, dtype)
        # That network's weights are doubles: what comes out is cast.
        net = lambda z: _like(estimators.network(z), dtype) * scale
        numbers = {n: jnp.asarray(v, dtype) for n, v in given.items()}
        return [residual(net, at, key=estimators.KEY, **numbers)]

    return _summary(residual, values)


def _summary(
    residual: oc.Residual, values: Callable[[Any, Any], list[jax.Array]]
) -> Frozen:
    def of(dtype: Any) -> Callable[[Any], list[jax.Array]]:
        return lambda scale: values(scale, dtype)

    @jax.jit
    def everything(scale: Any) -> tuple[list[jax.Array], ...]:
        double, slope = jax.jvp(of(jnp.float64), (scale,), (1.0,))
        return double, slope, of(jnp.float32)(scale.astype(jnp.float32))

    double, slope, single = everything(SCALE)
    return {
        "explain": residual.explain().splitlines(),
        "source": residual.source().splitlines(),
        "double": _numbers(double),
        "slope": _numbers(slope),
        "single": _numbers(single),
    }


def _numbers(arrays: list[jax.Array]) -> list[list[Any]]:
    """Rows of numbers, one per equation; complex ones as pairs."""

    def row(array: jax.Array) -> list[Any]:
        flat = np.asarray(array).ravel()
        if np.iscomplexobj(flat):
            flat = np.stack([flat.real, flat.imag], -1).ravel()
        return [float(v) for v in flat]

    return [row(array) for array in arrays]


def _plans(name: str) -> Frozen:
    plans: Frozen = {}
    for strategy in ("auto", *table.STRATEGIES):
        if (name, strategy) in TOO_LARGE:
            continue
        plan = table.plan_of(table.ROWS[name][0], strategy)
        plans[strategy] = str(plan).splitlines()
    return plans


TOO_LARGE = {("all derivatives to 9", "nested")}
"""Nested mode of order 9 would write out 512 channels."""


def stored() -> dict[str, Frozen]:
    """What `frozen.json` holds, by case."""
    return json.loads(PATH.read_text(encoding="utf-8"))
