# fokker planck ou 2d
# source: mia-jinns/jinns:jinns/loss/_DynamicLoss.py
coordinates t, x, y
field u
parameter alpha, mux, muy, sx, sy

equation eq1: d(sx^2*u/2, x, 2) + d(sy^2*u/2, y, 2) - d(alpha*u*(mux - x), x) -
    d(alpha*u*(muy - y), y) - u_t = 0
