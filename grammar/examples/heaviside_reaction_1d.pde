# heaviside reaction 1d
# source: textbook
coordinates t, x
field u
parameter Dc, uc, k

front: u_t = Dc*u_xx + k*(1 - u)*heaviside(u - uc)
