# elasticity plate
# source: lululxvi/deepxde:examples/pinn_forward/elasticity_plate.py
coordinates x, y
field ux, uy, Sxx, Syy, Sxy
coefficient fx, fy
parameter lam, mu

equation eq1: Sxx_x + Sxy_y - fx = 0
equation eq2: Sxy_x + Syy_y - fy = 0
equation eq3: lam*uy_y + ux_x*(lam + 2*mu) - Sxx = 0
equation eq4: lam*ux_x + uy_y*(lam + 2*mu) - Syy = 0
equation eq5: mu*(ux_y + uy_x) - Sxy = 0
