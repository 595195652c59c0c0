# camassa holm
# source: firedrakeproject/firedrake:demos/camassa-holm/camassaholm.py.rst
coordinates t, x
field u(x, t), m(x, t)
parameter alpha

equation eq1: m*u_x + d(m*u, x) + m_t = 0
equation eq2: u - m - alpha^2*u_xx = 0
