# wave 2d variable speed
# source: NVIDIA/physicsnemo-sym:physicsnemo/sym/eq/pdes/wave_equation.py
coordinates t, x, y
field u(x, y, t)
coefficient c(x, y)

equation eq1: u_tt - c^2*u_xx - c^2*u_yy = 0
