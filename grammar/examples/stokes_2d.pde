# stokes 2d
# source: lululxvi/deepxde:examples/operator/stokes_aligned_pideeponet.py
coordinates x, y
field u, v, p
parameter mu

equation eq1: mu*(u_xx + u_yy) - p_x = 0
equation eq2: mu*(v_xx + v_yy) - p_y = 0
equation eq3: u_x + v_y = 0
