# navier stokes 2d vorticity velocity
# source: PredictiveIntelligenceLab/jaxpi:examples/ns_tori/models.py
coordinates t, x, y
field u, v
parameter nu

omega = v_x - u_y
vorticity: omega_t + u*omega_x + v*omega_y = nu*(omega_xx + omega_yy)
mass: u_x + v_y = 0
