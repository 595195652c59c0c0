# kdv burgers
# source: DedalusProject/dedalus:examples/ivp_1d_kdv_burgers/kdv_burgers.py
coordinates t, x
field u
parameter a, b

equation eq1: u*u_x + u_t - a*u_xx - b*u_xxx = 0
