# gray scott 2d
# source: i207M/PINNacle:src/pde/chaotic.py
coordinates t, x, y
field u(x, y, t), v(x, y, t)
parameter eu, ev, b, d

equation eq1: v^2*u + u_t - b*(1 - u) - eu*(u_xx + u_yy) = 0
equation eq2: d*v + v_t - ev*(v_xx + v_yy) - v^2*u = 0
