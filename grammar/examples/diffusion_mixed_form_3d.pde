# diffusion mixed form 3d
# source: NVIDIA/physicsnemo-sym:physicsnemo/sym/eq/pdes/diffusion.py
coordinates t, x, y, z
field T(x, y, z, t), T_x(x, y, z, t), T_y(x, y, z, t), T_z(x, y, z, t)
coefficient Dc(x, y, z, t)
parameter Q

equation eq1: T_t - Q - d(Dc*T_x, x) - d(Dc*T_y, y) - d(Dc*T_z, z) = 0
equation eq2: d(T, x) - T_x = 0
equation eq3: d(T, y) - T_y = 0
equation eq4: d(T, z) - T_z = 0
equation eq5: d(T_x, y) - d(T_y, x) = 0
equation eq6: d(T_x, z) - d(T_z, x) = 0
equation eq7: d(T_y, z) - d(T_z, y) = 0
