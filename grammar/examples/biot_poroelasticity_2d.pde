# biot poroelasticity 2d
# source: yaredwb/PINN-Poroelasticity-Paper:docs/index.md
coordinates t, x, z
field u, v, p
coefficient Q
parameter eta, beta

equation eq1: u_tx + v_tz - p_xx - p_zz - beta*Q = 0
equation eq2: eta*v_xz + p_x*(eta + 1) + u_xx*(eta + 1) + u_zz = 0
equation eq3: eta*u_xz + p_z*(eta + 1) + v_zz*(eta + 1) + v_xx = 0
