"""The published 13-jet of the 2D Korteweg-de Vries equation, beside a proved plan.

Writes docs/thirteen_jet.md. Source of the scheme: Shi, Hu, Lin, Kawaguchi, Stochastic
Taylor Derivative Estimator, NeurIPS 2024, equations 20 and 21, and the published code.

Run: python -m examples.thirteen_jet
"""

from pathlib import Path

import jax
import jax.numpy as jnp
from jax import Array

import opcompiler as oc
from examples.problems.high_order import kdv2d

PAGE = Path(__file__).parents[1] / "docs" / "thirteen_jet.md"
SLOTS = {3: "x", 4: "y", 7: "t"}
POINT = (0.3, 0.7, 0.2)

READ = {
    "u_x": ("x", 3, 1),
    "u_y": ("y", 4, 1),
    "u_xx": ("xx", 6, 1),
    "u_xy": ("xy", 7, 35),
    "u_yy": ("yy", 8, 35),
    "u_ty": ("ty", 11, 330),
    "u_xxxy": ("xxxy", 13, 200200),
}
"""Derivative: how it is spelt, the coefficient that is read, what it is divided by."""


def front(point: Array) -> Array:
    """The exact solution tanh((x + y)/2 - t), (3,) -> ()."""
    return jnp.tanh((point[0] + point[1]) / 2 - point[2])


def published(point: Array) -> dict[str, float]:
    """Returns the derivatives of the solution as the published scheme reads them."""
    series = [jnp.zeros(3) for _ in range(13)]
    for slot, name in SLOTS.items():
        series[slot - 1] = jnp.eye(3)["xyt".index(name)]
    _, jets = oc.jet(front, (point,), (series,))
    return {name: float(jets[k - 1]) / c for name, (_, k, c) in READ.items()}


def true(point: Array) -> dict[str, float]:
    """Returns them by nested forward mode."""

    def partial(spelling: str):
        f = front
        for letter in spelling:
            unit = jnp.eye(3)["xyt".index(letter)]
            f = lambda z, f=f, unit=unit: jax.jvp(f, (z,), (unit,))[1]
        return float(jax.jit(f)(point))

    return {name: partial(spelling) for name, (spelling, _, _) in READ.items()}


def shell(u: dict[str, float]) -> float:
    """The residual, from derivatives."""
    steep = u["u_xy"] * u["u_x"] + u["u_y"] * u["u_xx"]
    return u["u_ty"] + u["u_xxxy"] + 3 * steep - u["u_xx"] + 2 * u["u_yy"]


def ours(point: Array) -> float:
    """The compiled residual."""
    problem = kdv2d().problem
    residual = oc.compile(problem.equation(), coordinates=list(problem.coordinates))
    assert residual.plan.verify()
    return float(residual(front, point)[0])


def page() -> str:
    """Returns the page, its numbers computed in double precision."""
    point = jnp.array(POINT)
    report = oc.contamination(SLOTS, 13, "xyt")
    read, exact = published(point), true(point)
    problem = kdv2d().problem
    plan = oc.compile(problem.equation(), coordinates=list(problem.coordinates)).plan
    rows = []
    for name, (_, k, c) in READ.items():
        holds = report.outputs[k].label("u", ("x", "y", "t"))
        division = f"J{k}" if c == 1 else f"J{k}/{c}"
        right = "" if abs(read[name] - exact[name]) < 1e-9 else "**"
        rows.append(
            f"| {name} | {division} | {holds} | {read[name]:.4f} "
            f"| {right}{exact[name]:.4f}{right} |"
        )
    return TEXT.format(
        table="\n".join(rows),
        point=", ".join(map(str, POINT)),
        published=shell(read),
        ours=abs(ours(point)),
        plan="\n".join(line.rstrip() for line in str(plan).splitlines()),
    )


TEXT = """# A 13-jet that does not hold what it is read for

The 2D Korteweg-de Vries equation

    u_ty + u_xxxy + 3 (u_xy u_x + u_y u_xx) - u_xx + 2 u_yy = 0

is published as an example of one jet for all derivatives: a curve with e_x in slot 3,
e_y in slot 4 and e_t in slot 7, and its derivatives J1, ..., J13 (Shi, Hu, Lin, Kawaguchi,
*Stochastic Taylor Derivative Estimator*, NeurIPS 2024, equation 21, and the default path of
the code). What a coefficient holds is a matter of counting, and
`oc.contamination({{3: "x", 4: "y", 7: "t"}}, 13)` counts; print it to see the whole jet.
The values are those of u = tanh((x + y)/2 - t), which solves the equation, at (x, y, t) =
({point}); a true value that the scheme misses is bold.

| derivative | read as | holds | value read | true value |
|---|---|---|---|---|
{table}

The residual of this exact solution is

* by the published scheme: **{published:.2f}**
* by our plan: **0**, up to rounding ({ours:.0e}).

Four of seven readings are wrong: one by a factor, three because other derivatives fall into
the same coefficient. So the published speeds for this equation are those of another
operator. Our plan carries the quotient algebra of the operator's symbol, needs no slots, no
order above 4, and is proved by exact rational arithmetic before it runs
(`residual.plan.verify()`):

```
{plan}
```

`python -m examples.thirteen_jet` writes this page; `tests/examples/test_thirteen_jet.py`
holds it.
"""


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    PAGE.write_text(page())
    print(PAGE)
