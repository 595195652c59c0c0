# rayleigh benard boussinesq 2d
# source: DedalusProject/dedalus:examples/ivp_2d_rayleigh_benard/rayleigh_benard.py
coordinates t, x, z
field u, w, p, b
parameter nu, kappa

equation eq1: u_x + w_z = 0
equation eq2: u*b_x + w*b_z + b_t - kappa*(b_xx + b_zz) = 0
equation eq3: u*u_x + w*u_z + p_x + u_t - nu*(u_xx + u_zz) = 0
equation eq4: u*w_x + w*w_z + p_z + w_t - b - nu*(w_xx + w_zz) = 0
