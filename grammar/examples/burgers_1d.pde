# burgers 1d
# source: lululxvi/deepxde:examples/pinn_forward/Burgers.py
coordinates t in [0, 1], x in [-1, 1]
field u(x, t)
parameter nu

burgers: u_t + u*u_x = nu*u_xx
