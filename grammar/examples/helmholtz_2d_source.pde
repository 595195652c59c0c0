# helmholtz 2d source
# source: lululxvi/deepxde:examples/pinn_forward/Helmholtz_Dirichlet_2d.py
coordinates x, y
field u
parameter k0

equation eq1: -u_xx - u_yy - k0^2*u - k0^2*sin(k0*x)*sin(k0*y) = 0
