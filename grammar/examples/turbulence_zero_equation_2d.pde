# turbulence zero equation 2d
# source: NVIDIA/physicsnemo-sym:physicsnemo/sym/eq/pdes/turbulence_zero_eq.py
coordinates x, y
field u, v, nut
coefficient sdf
parameter nu, dmax

equation eq1: nut - nu - sqrt((u_y + v_x)^2 + 2*u_x^2 +
    2*v_y^2)*min(9*dmax/100, 419*sdf/1000)^2 = 0
