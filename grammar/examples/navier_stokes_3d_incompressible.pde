# navier stokes 3d incompressible
# source: lululxvi/deepxde:examples/pinn_forward/Beltrami_flow.py
coordinates t, x, y, z
field u(x, y, z, t), v(x, y, z, t), w(x, y, z, t), p(x, y, z, t)
parameter Re
velocity (u, v, w)

x_momentum: D/Dt u + p_x = (Δu)/Re
y_momentum: D/Dt v + p_y = (Δv)/Re
z_momentum: D/Dt w + p_z = (Δw)/Re
mass: u_x + v_y + w_z = 0
