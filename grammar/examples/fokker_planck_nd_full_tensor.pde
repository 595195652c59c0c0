# fokker planck nd full tensor
# source: f-dangel/kfac-pinns-experiments:kfac_pinns_exp/fokker_planck_equation.py
coordinates t, x in R^d
field p
coefficient mu[d], A[d, d]
parameter d

equation eq1: p_t + sum(i=1..d, d(mu[i]*p, x[i])) -
    sum(j=1..d, i=1..d, A[i, j]*d(p, x[i], x[j]))/2 = 0
