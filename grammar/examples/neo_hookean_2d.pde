# neo hookean 2d
# source: phydra-labs/phydrax:phydrax/operators/differential/_domain_ops.py (neo_hookean_pk1)
coordinates x, y
field u, v
parameter lam, mu

# The deformation gradient F = I + grad(u, v), its determinant, and its cofactors.
J = (1 + u_x)*(1 + v_y) - u_y*v_x
define Pxx = mu*(1 + u_x - (1 + v_y)/J) + lam*log(J)*(1 + v_y)/J
define Pxy = mu*(u_y + v_x/J) - lam*log(J)*v_x/J
define Pyx = mu*(v_x + u_y/J) - lam*log(J)*u_y/J
define Pyy = mu*(1 + v_y - (1 + u_x)/J) + lam*log(J)*(1 + u_x)/J
equilibrium: div(((Pxx, Pxy), (Pyx, Pyy))) = 0
