# robin bc 1d
# source: lululxvi/deepxde:examples/pinn_forward/Poisson_Robin_1d.py
coordinates x in [-1, 1]
field u

poisson: d^2 u/dx^2 = 2
robin right: dn(u) = u at x = 1
dirichlet left: u(-1) = 0
