# diffusion sorption 1d
# source: pdebench/PDEBench:pdebench/models/pinn/pde_definitions.py
coordinates t, x
field u(x, t)
parameter Dc, por, rho_s, k_f, n_f

equation eq1: u_t - Dc*u_xx/(k_f*n_f*rho_s*(u + 1/1000000)^(n_f - 1)*(1 - por)/por + 1) = 0
