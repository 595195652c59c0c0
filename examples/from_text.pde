# Nagumo's equation: a nerve fires where it is excited beyond a threshold a, and the
# excitation spreads. What a is has to be found from measurements.
coordinates t in [0, 8], x in [-10, 10]
field u(t, x)
parameter D = 1
unknown a = 0.4

nagumo: u_t = D*u_xx + u*(1 - u)*(u - a)

initial at t = 0: u = exp(-x^2/8)
neumann left: dn(u) = 0 at x = -10
neumann right: dn(u) = 0 at x = 10
