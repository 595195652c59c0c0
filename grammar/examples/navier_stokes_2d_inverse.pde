# navier stokes 2d inverse
# source: lululxvi/deepxde:examples/pinn_inverse/Navier_Stokes_inverse.py
coordinates t, x, y
field u(x, y, t), v(x, y, t), p(x, y, t)
unknown C1, C2
define U = (u, v)

mass: ∇·U = 0
momentum: U_t + C1*((U·∇)U) + ∇p - C2*ΔU = 0
