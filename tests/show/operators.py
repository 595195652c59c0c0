"""The operators whose plans are kept as text, reviewed by hand."""

import sympy as sp

t, w, x, y, z, nu = sp.symbols("t w x y z nu")


def laplacian(field: sp.Expr, *coordinates: sp.Symbol) -> sp.Expr:
    return sum(field.diff(a, 2) for a in coordinates)


def power_of_laplacian(field: sp.Expr, power: int, *coordinates: sp.Symbol) -> sp.Expr:
    for _ in range(power):
        field = laplacian(field, *coordinates)
    return field


wave = sp.Function("u")(t, x)
plane = sp.Function("u")(x, y)
moving = sp.Function("u")(t, x, y)
space = sp.Function("u")(x, y, z)
four = sp.Function("u")(w, x, y, z)
flow = [sp.Function(name)(t, x, y, z) for name in "uvw"]
pressure = sp.Function("p")(t, x, y, z)

KDV = wave.diff(t) + 6 * wave * wave.diff(x) + wave.diff(x, 3)


def momentum(component: int) -> sp.Expr:
    field = flow[component]
    carried = sum(f * field.diff(a) for f, a in zip(flow, (x, y, z), strict=True))
    slope = pressure.diff((x, y, z)[component])
    return field.diff(t) + carried + slope - nu * laplacian(field, x, y, z)


OPERATORS: dict[str, object] = {
    "u_xy": plane.diff(x, y),
    "u_xxy": plane.diff(x, 2, y),
    "u_xxxy": plane.diff(x, 3, y),
    "u_xxyy": plane.diff(x, 2, y, 2),
    "u_xyz": space.diff(x, y, z),
    "u_wxyz": four.diff(w, x, y, z),
    "hessian_2d": [plane.diff(x, 2), plane.diff(x, y), plane.diff(y, 2)],
    "laplacian_3d": laplacian(space, x, y, z),
    "bilaplacian_2d": power_of_laplacian(plane, 2, x, y),
    "bilaplacian_3d": power_of_laplacian(space, 2, x, y, z),
    "trilaplacian_2d": power_of_laplacian(plane, 3, x, y),
    "kdv": KDV,
    "kdv_2d": moving.diff(t, y)
    + moving.diff(x, 3, y)
    + 3 * moving.diff(y) * moving.diff(x, 2)
    + 3 * moving.diff(x) * moving.diff(x, y)
    - moving.diff(x, 2)
    + 2 * moving.diff(y, 2),
    "kp": (moving.diff(t) + 6 * moving * moving.diff(x) + moving.diff(x, 3)).diff(x)
    + 3 * moving.diff(y, 2),
    "kuramoto_sivashinsky": wave.diff(t)
    + wave * wave.diff(x)
    + wave.diff(x, 2)
    + wave.diff(x, 4),
    "kdv_gradient_enhanced": [KDV, KDV.diff(t), KDV.diff(x)],
    "navier_stokes_3d": [
        *(momentum(k) for k in range(3)),
        sum(f.diff(a) for f, a in zip(flow, (x, y, z), strict=True)),
    ],
    "monge_ampere": plane.diff(x, 2) * plane.diff(y, 2) - plane.diff(x, y) ** 2,
    "minimal_surface": (1 + plane.diff(y) ** 2) * plane.diff(x, 2)
    - 2 * plane.diff(x) * plane.diff(y) * plane.diff(x, y)
    + (1 + plane.diff(x) ** 2) * plane.diff(y, 2),
}
