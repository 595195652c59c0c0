"""Equations of high order in few dimensions, with solitary waves for solutions.

Source: Shi, Hu, Lin, Kawaguchi, Stochastic Taylor Derivative Estimator, NeurIPS 2024,
appendix I.4, equations 64 to 76. It gives no solutions; these are the classical ones.
"""

from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp

import opcompiler as oc
from examples.problems.problem import Problem
from examples.problems.sampling import box

x, y, t = sp.symbols("x y t")


@dataclass(frozen=True)
class WaveProblem:
    """An equation on a box in space and time, with its solution's data at the sides.

    Attributes:
        problem: the equation; its operator gives a list of residuals.
        weights: of the residuals' squares in the loss.
        lower, upper: corners of the box, by coordinate; time is the last.
        normals: how many derivatives by each coordinate are given at its sides, besides
            the value.
    """

    problem: Problem
    weights: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    normals: tuple[int, ...]

    def conditions(self) -> list[sp.Expr]:
        """Returns u - s and its derivatives by space, zero at the sides."""
        gap = self.problem.unknown - self.problem.solution
        found = [gap]
        for symbol, count in zip(self.problem.coordinates, self.normals, strict=True):
            found += [oc.D(gap, symbol, k) for k in range(1, count + 1)]
        return found


def kdv2d() -> WaveProblem:
    """u_ty + u_xxxy + 3 (u_xy u_x + u_y u_xx) - u_xx + 2 u_yy = 0; a front."""

    def operator(u: sp.Expr) -> list[sp.Expr]:
        steep = oc.D(u, x, y) * oc.D(u, x) + oc.D(u, y) * oc.D(u, x, 2)
        linear = oc.D(u, t, y) + oc.D(u, x, 3, y) - oc.D(u, x, 2) + 2 * oc.D(u, y, 2)
        return [linear + 3 * steep]

    solution = sp.tanh((x + y) / 2 - t)
    return _in_box("kdv2d", operator, solution, (-2, -2, 0), (2, 2, 1), (1, 0, 0))


def kadomtsev_petviashvili() -> WaveProblem:
    """(u_t + 6 u u_x + u_xxx)_x + 3 sigma^2 u_yy = 0; a line soliton."""
    sigma, k, l = 1, sp.Rational(13, 10), sp.Rational(3, 5)

    def operator(u: sp.Expr) -> list[sp.Expr]:
        flux = 6 * oc.D(u, x) ** 2 + 6 * u * oc.D(u, x, 2)
        return [oc.D(u, t, x) + flux + oc.D(u, x, 4) + 3 * sigma**2 * oc.D(u, y, 2)]

    speed = -(k**4 + 3 * sigma**2 * l**2) / k
    solution = k**2 / 2 * sp.sech((k * x + l * y + speed * t) / 2) ** 2
    box = ((-3, -3, 0), (3, 3, sp.Rational(1, 2)))
    return _in_box("kp", operator, solution, *box, (1, 0, 0))


def gradient_enhanced_kdv() -> WaveProblem:
    """f = u_t + u u_x + alpha u_xxx = 0 with f_x = 0 and f_t = 0; a soliton."""
    alpha, c = sp.Rational(1, 400), sp.Rational(7, 10)

    def operator(u: sp.Expr) -> list[sp.Expr]:
        f = oc.D(u, t) + u * oc.D(u, x) + alpha * oc.D(u, x, 3)
        return [f, oc.D(f, x), oc.D(f, t)]

    solution = 3 * c * sp.sech(sp.sqrt(c / alpha) / 2 * (x - c * t)) ** 2
    problem = Problem(
        name="gkdv",
        coordinates=(x, t),
        operator=operator,
        sample=box((-1.0, 0.0), (1.0, 0.5)),
        solution=solution,
    )
    return WaveProblem(problem, (1.0, 1e-3, 1e-3), (-1.0, 0.0), (1.0, 0.5), (1, 0))


def sine_gordon() -> WaveProblem:
    """u_xt + sin u = 0 in light-cone coordinates; a kink."""
    a = sp.Rational(3, 2)
    problem = Problem(
        name="sine_gordon_light_cone",
        coordinates=(x, t),
        operator=lambda u: [oc.D(u, x, t) + sp.sin(u)],
        sample=box((-3.0, 0.0), (3.0, 2.0)),
        solution=4 * sp.atan(sp.exp(a * x - t / a)),
    )
    return WaveProblem(problem, (1.0,), (-3.0, 0.0), (3.0, 2.0), (0, 0))


def _in_box(
    name: str,
    operator: Callable[[sp.Expr], list[sp.Expr]],
    solution: sp.Expr,
    lower: tuple[sp.Expr | int, ...],
    upper: tuple[sp.Expr | int, ...],
    normals: tuple[int, ...],
) -> WaveProblem:
    low, high = tuple(map(float, lower)), tuple(map(float, upper))
    problem = Problem(name, (x, y, t), operator, box(low, high), solution)
    return WaveProblem(problem, (1.0,), low, high, normals)


PROBLEMS = {
    "kdv2d": kdv2d,
    "kp": kadomtsev_petviashvili,
    "gkdv": gradient_enhanced_kdv,
    "sine_gordon": sine_gordon,
}
