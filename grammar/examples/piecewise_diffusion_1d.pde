# piecewise diffusion 1d
# source: textbook (NeuralPDE/DeepXDE heterogeneous examples)
coordinates x
field u
coefficient f
parameter k1, k2

k = where(x < 0, k1, k2)
interface: -d(k*u_x, x) = f
