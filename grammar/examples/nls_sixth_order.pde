# nls sixth order
# source: mikhakuv/PINNs:experiments/exp70.md
coordinates t, x
complex field q(x, t)
parameter a1, a2, a3, a4, a5, a6, b1, b2, b3

equation eq1: I*q_t + a2*q_xx + a4*q_xxxx + a6*q_xxxxxx + q*(b1*abs(q)^2 + b2*abs(q)^4 +
    b3*abs(q)^6) + I*a1*q_x + I*a3*q_xxx + I*a5*q_xxxxx = 0
