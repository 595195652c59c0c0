# minimal surface of revolution
# source: idrl-lab/idrlnet:docs/user/get_started/7_minimal_surface.md (Euler-Lagrange form)
coordinates x
field u

equation eq1: u*u_xx - u_x^2 - 1 = 0
