"""Work grows with what is written: coordinates, terms, nesting; else it is refused.

Work is counted in calls of Python functions, which no busy machine changes.
"""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.frontend.equations import MOST_ARGUMENTS
from opcompiler.frontend.traversal import parts
from opcompiler.ir import MultiIndex
from tests.work import calls

x, y = sp.symbols("x y")
u = sp.Function("u")


def _field(count: int) -> tuple[sp.Expr, tuple[sp.Symbol, ...]]:
    places = sp.symbols(f"x0:{count}")
    return u(*places), places


def _second(field: sp.Expr, place: sp.Symbol) -> sp.Expr:
    # Held, as `oc.D` holds it: SymPy's own `diff` is quadratic.
    return sp.Derivative(field, (place, 2), evaluate=False)


def _laplace(count: int) -> sp.Expr:
    field, places = _field(count)
    return sp.Add(*(_second(field, place) for place in places))


def _heat(count: int) -> sp.Expr:
    field, places = _field(count)
    first = sp.Derivative(field, (places[0], 1), evaluate=False)
    return sp.Add(first, *(-_second(field, place) for place in places[1:]))


def _weighted(count: int) -> sp.Expr:
    field, places = _field(count)
    return sp.Add(*((k + 1) * _second(field, p) for k, p in enumerate(places)), field)


def _delays(count: int) -> sp.Expr:
    return sp.Add(*(u(x - k) for k in range(count)))


@pytest.mark.parametrize("equation", [_laplace, _heat, _weighted])
def test_work_grows_with_the_coordinates(equation) -> None:
    oc.compile(equation(3))  # what is imported and made once
    few, many = equation(25), equation(100)
    once, more = (calls(lambda e=e: oc.compile(e)) for e in (few, many))
    assert more < 5.5 * once  # 16 times as much if it were quadratic


def test_work_grows_with_the_places() -> None:
    oc.compile(_delays(3))
    few, many = _delays(10), _delays(40)
    once, more = (calls(lambda e=e: oc.compile(e)) for e in (few, many))
    assert more < 5.5 * once


def test_work_grows_with_the_coordinates_of_a_text() -> None:
    def text(count: int) -> str:
        names = [f"x{k}" for k in range(count)]
        right = " + ".join(f"d(u, {name}, 2)" for name in names)
        return f"coordinates t, {', '.join(names)}; field u; e: u_t = {right}"

    oc.compile(oc.parse(text(3)))
    few, many = oc.parse(text(20)), oc.parse(text(80))
    once, more = (calls(lambda p=p: oc.compile(p)) for p in (few, many))
    assert more < 5.5 * once


@pytest.mark.parametrize("count", [2, 40])
def test_value_in_many_coordinates(count: int) -> None:
    with jax.enable_x64(True):
        numbers = np.arange(1, count + 1)
        net = lambda z: jnp.sum(jnp.sin(z * numbers / count)) ** 2
        residual = oc.compile(_weighted(count), coordinates=_field(count)[1])

        @jax.jit
        def both(point):
            want = jnp.sum(numbers * jnp.diag(jax.hessian(net)(point))) + net(point)
            return residual(net, point), want

        found, want = both(np.linspace(-1.0, 1.0, count))
        assert abs(found - want) < 1e-9 * abs(want)


@pytest.mark.parametrize(
    "equation",
    [
        lambda f, p: sp.Add(*(_second(f, place) for place in p[:9])),
        lambda f, p: [f**2 - 1, sp.sin(f)],
        lambda f, p: sp.Piecewise((f, p[0] > 0), (1, True)),
    ],
    ids=["laplace", "a list", "cases"],
)
def test_too_many_coordinates_are_refused_at_once(equation) -> None:
    given = equation(*_field(10**4))
    refused: list[str] = []

    def ask() -> None:
        with pytest.raises(oc.OperatorError, match=r"10000 arguments") as error:
            oc.compile(given)
        refused.append(str(error.value))

    assert calls(ask) < 50_000
    assert "oc.vector" in refused[0]
    assert len(refused[0]) < 500


def test_most_coordinates_are_compiled() -> None:
    field, places = _field(MOST_ARGUMENTS)
    assert oc.compile(field * places[-1]).plan.channels == 1


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(lambda deep: deep, marks=pytest.mark.slow),
        pytest.param(lambda deep: [u(x), deep], marks=pytest.mark.slow),
        lambda deep: {"deep": deep},
    ],
)
def test_what_is_nested_too_deeply_is_refused(written) -> None:
    deep: sp.Expr = u(x)
    for k in range(400):  # unevaluated: SymPy asks every sine for all that is in it
        deep = sp.sin(deep, evaluate=False) + k
    with pytest.raises(oc.OperatorError, match="nested too deeply"):
        oc.compile(written(deep))


def test_distinct_parts_are_met_once() -> None:
    power: sp.Expr = x + y
    for _ in range(40):  # as a tree it has 2^40 leaves
        power = sp.Add(power, sp.sin(power), evaluate=False)
    assert len(list(parts(power))) < 200


def test_multi_indices_are_what_lists_of_exponents_are() -> None:
    lists = [
        (0, 0, 2),
        (0, 1, 1),
        (2, 0, 0),
        (0, 0, 0),
        (1, 1, 0),
        (0, 2, 0),
        (1, 0, 1),
    ]
    made = [MultiIndex(entries) for entries in lists]
    assert [m.exponents for m in sorted(made)] == sorted(lists)
    assert [m.dim for m in made] == [3] * len(lists)
    for entries, index in zip(lists, made, strict=True):
        assert pickle.loads(pickle.dumps(index)) == index
        assert index == MultiIndex.of(3, index.powers)
        assert eval(repr(index), {"MultiIndex": MultiIndex}) == index
        assert (index + MultiIndex.unit(3, 1)).exponents == (
            entries[0], entries[1] + 1, entries[2],
        )  # fmt: skip
        assert len(set(index.below())) == len(list(index.below()))
