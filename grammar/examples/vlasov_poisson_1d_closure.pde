# vlasov poisson 1d closure
# source: firedrakeproject/firedrake:demos/vlasov_poisson_1d/vp1d.py.rst
coordinates t, x, v
field f, phi(t, x)
parameter q, n0, vmin, vmax

equation eq1: -phi_xx - q^2*(int(f, v, vmin, vmax) - n0) = 0
