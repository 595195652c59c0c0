# fisher kpp nd
# source: mia-jinns/jinns:jinns/loss/_DynamicLoss.py
coordinates t, x in R^d
field u
parameter Dc, r_, gamma_, d

equation eq1: u_t - Dc*sum(i=1..d, d(u, x[i], 2)) - u*(r_ - gamma_*u) = 0
