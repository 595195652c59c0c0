# black scholes barenblatt nd
# source: sail-sg/stde:stde/equations.py
coordinates t, x in R^d
field u
parameter sigma, r_, d

equation eq1: sigma^2*sum(i=1..d, x[i]^2*d(u, x[i], 2))/2 + u_t - r_*(u -
    sum(i=1..d, x[i]*d(u, x[i]))) = 0
