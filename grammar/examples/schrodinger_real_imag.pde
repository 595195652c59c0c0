# schrodinger real imag
# source: lululxvi/deepxde:examples/pinn_forward/Schrodinger.ipynb
coordinates t, x
field u(x, t), v(x, t)

equation eq1: v_xx/2 + v*(u^2 + v^2) + u_t = 0
equation eq2: u*(-u^2 - v^2) + v_t - u_xx/2 = 0
