# nls complex
# source: idrl-lab/idrlnet:idrlnet/pde_op/equations.py (SchrodingerNode, written complex)
coordinates t, x
complex field psi

nls: i*psi_t + psi_xx/2 + |psi|²*psi = 0
