# diffusion 3d variable
# source: NVIDIA/physicsnemo-sym:physicsnemo/sym/eq/pdes/diffusion.py
coordinates t, x, y, z
field T(x, y, z, t)
coefficient Dc(x, y, z, t), Q(x, y, z, t)

heat: T_t = div(Dc*grad(T)) + Q
