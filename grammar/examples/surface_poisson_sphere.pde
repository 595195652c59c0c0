# surface poisson sphere
# source: NVIDIA/physicsnemo-sym:examples/surface_pde/sphere/sphere.py
coordinates x, y, z
field u

poisson: Δu = -18*x*y*z
neumann: dn(u) = 0
