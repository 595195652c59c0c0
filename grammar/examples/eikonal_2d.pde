# eikonal 2d
# source: NVIDIA/physicsnemo-sym:physicsnemo/sym/eq/pdes/signed_distance_function.py (tau = 0)
coordinates x, y
field u

eikonal: |∇u|² = 1
