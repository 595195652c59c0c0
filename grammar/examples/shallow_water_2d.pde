# shallow water 2d
# source: pdebench/PDEBench:pdebench/models/pinn/pde_definitions.py
coordinates t, x, y
field h(x, y, t), u(x, y, t), v(x, y, t)
parameter g

equation eq1: u*h_x + v*h_y + h*u_x + h*v_y + h_t = 0
equation eq2: g*h_x + u*u_x + v*u_y + u_t = 0
equation eq3: g*h_y + u*v_x + v*v_y + v_t = 0
