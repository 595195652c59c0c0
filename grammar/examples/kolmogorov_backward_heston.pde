# kolmogorov backward heston
# source: textbook (Heston backward Kolmogorov equation)
coordinates t, S, v
field U
parameter kappa, theta_, sigma, rho, r_

equation eq1: S*r_*U_S + kappa*U_v*(theta_ - v) + v*S^2*U_SS/2 + v*sigma^2*U_vv/2 +
    S*rho*sigma*v*U_Sv + U_t - r_*U = 0
