"""What a user sees of a traceback: their own lines and the message, unless they ask."""

import traceback
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import pytest
import sympy as sp

import opcompiler as oc
from tests import apart

t, x = sp.symbols("t x")
u = sp.Function("u")(t, x)
HEAT = oc.compile(u.diff(t) - u.diff(x, 2))
POINTS = jnp.full((5, 2), 0.3)


@pytest.fixture
def filtered() -> Iterator[None]:
    jax.config.update("jax_traceback_filtering", "auto")
    yield
    jax.config.update("jax_traceback_filtering", "off")


class OwnError(Exception):
    pass


def batched(z):
    return z[:, 0]


def raising(z):
    raise OwnError("the user's")


def caught(run: Callable[[], object]) -> BaseException:
    try:
        run()
    except Exception as error:  # whichever
        return error
    raise AssertionError("nothing was raised")


def modules(error: BaseException) -> list[str]:
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return [frame.f_globals["__name__"].partition(".")[0] for frame in frames]


CALLS = {
    "a network of batches": lambda: HEAT(batched, POINTS),
    "a bound network of batches": lambda: HEAT.bind(lambda p, z: batched(z))(
        1.0, POINTS
    ),
    "a parameter by position": lambda: HEAT(jnp.sum, POINTS, 0.1),
    "inside jit": lambda: jax.jit(lambda p: HEAT(batched, p))(POINTS),
    "SymPy": lambda: oc.laplacian(u, "x"),
    "text": lambda: oc.parse("coordinates x; field u; e: u_xx = sinn(u)"),
    "an argument of a method": lambda: HEAT.plan.to_html(3),
    "a constructor": lambda: oc.Sparse("16"),
    "Taylor mode": lambda: oc.taylor.laplacian(lambda z: z[:, 0])(jnp.ones(3)),
    "a class method": lambda: oc.Plan.from_json("{"),
}


@pytest.mark.usefixtures("filtered")
@pytest.mark.parametrize("name", CALLS)
def test_no_frame_of_ours_or_of_jax_is_shown(name: str) -> None:
    error = caught(CALLS[name])
    assert isinstance(error, oc.OperatorError)
    while error is not None:
        assert not {"opcompiler", "jax", "jaxlib"} & set(modules(error))
        error = error.__cause__


@pytest.mark.usefixtures("filtered")
def test_a_traceback_is_short() -> None:
    error = caught(lambda: HEAT(batched, POINTS))
    lines = "".join(traceback.format_exception(error)).splitlines()
    # 122 lines before: the caller's frames, the network's own line, and the message.
    assert len(lines) <= 30
    assert any("return z[:, 0]" in line for line in lines)
    assert isinstance(error.__cause__, IndexError)


@pytest.mark.usefixtures("filtered")
def test_an_error_of_the_users_own_passes_and_shows_their_line() -> None:
    error = caught(lambda: HEAT(raising, POINTS))
    assert type(error) is OwnError
    assert "opcompiler" not in modules(error)
    text = "".join(traceback.format_exception(error))
    assert "in raising" in text
    assert "the network of u" in text


def test_all_frames_are_shown_on_request() -> None:
    assert jax.config.jax_traceback_filtering == "off"
    error = caught(lambda: HEAT(batched, POINTS))
    assert "opcompiler" in modules(error)
    assert error.__cause__ is not None
    assert "jax" in modules(error.__cause__)


@pytest.mark.usefixtures("filtered")
def test_a_defect_of_ours_keeps_its_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opcompiler.api.normalize", None)
    error = caught(lambda: oc.compile(u))
    assert type(error) is TypeError
    assert "opcompiler" in modules(error)


def test_a_plain_program_ends_at_the_callers_line() -> None:
    program = (
        "import jax.numpy as jnp, sympy as sp, opcompiler as oc\n"
        "x = sp.Symbol('x')\n"
        "residual = oc.compile(sp.Function('u')(x).diff(x))\n"
        "residual(lambda z: z[:, 0], jnp.ones((3, 1)))\n"
    )
    (run,) = apart.run(("-c", program))
    assert run.returncode == 1
    assert "/opcompiler/" not in run.stderr
    assert "ONE point" in run.stderr
    assert len(run.stderr.splitlines()) <= 25


def test_what_is_public_is_still_itself() -> None:
    assert oc.compile.__name__ == "compile"
    assert oc.compile.__doc__.startswith("Compiles")
    assert "equations" in oc.compile.__annotations__
    assert oc.Sparse(3) == oc.Sparse(3)
    assert isinstance(HEAT.plan, oc.Plan)
