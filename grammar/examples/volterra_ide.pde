# volterra ide
# source: lululxvi/deepxde:examples/pinn_forward/Volterra_IDE.py
coordinates x
field u

equation eq1: u_x + u - int(exp(s - x)*u(s), s, 0, x) = 0
