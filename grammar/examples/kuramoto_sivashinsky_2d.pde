# kuramoto sivashinsky 2d
# source: zwicker-group/py-pde:pde/pdes/kuramoto_sivashinsky.py
coordinates t, x, y
field u
parameter nu

ks: u_t + Δu + nu*Δ²u + |∇u|²/2 = 0
