# helmholtz 3d
# source: NVIDIA/physicsnemo-sym:physicsnemo/sym/eq/pdes/wave_equation.py
coordinates x, y, z
field u
parameter k

helmholtz: -Δu - k²*u = 0
