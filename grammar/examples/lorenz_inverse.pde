# lorenz inverse
# source: lululxvi/deepxde:examples/pinn_inverse/Lorenz_inverse.py
coordinates t
field x1, x2, x3
unknown C1, C2, C3

equation eq1: x1_t - C1*(x2 - x1) = 0
equation eq2: x1*(x3 - C2) + x2_t + x2 = 0
equation eq3: C3*x3 + x3_t - x1*x2 = 0
