# wave 1d
# source: NVIDIA/physicsnemo-sym:examples/wave_equation/wave_equation.py
coordinates t, x
field u(x, t)
parameter c

equation eq1: u_tt - c^2*u_xx = 0
