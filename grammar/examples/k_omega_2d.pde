# k omega 2d
# source: NVIDIA/physicsnemo-sym:examples/turbulent_channel/2d/custom_k_om_ls.py
coordinates x, y
field u, v, p, k, om
parameter nu

define shear = 2*u_x^2 + 2*v_y^2 + u_y^2 + v_x^2 + 2*u_y*v_x
define nut = nu*k/(om + 1e-4)
define half = nu + nut/2
mass: u_x + v_y = 0
x_momentum: u*u_x + v*u_y + p_x = div((nu + nut)*grad(u))
y_momentum: u*v_x + v*v_y + p_y = div((nu + nut)*grad(v))
energy: u*k_x + v*k_y + 0.09*k*om/nu = div(half*grad(k)) + nut*shear
dissipation: (u*om_x + v*om_y)/nu + 0.075*om^2/nu^2
    = div(half*grad(om))/nu + 5/9*shear
