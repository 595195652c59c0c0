# kdv
# source: sail-sg/stde:stde/equations.py (highord1d_res, eq 2)
coordinates t, x
field u(x, t)
parameter delta

kdv: ∂u/∂t + u*∂u/∂x + delta*∂³u/∂x³ = 0
