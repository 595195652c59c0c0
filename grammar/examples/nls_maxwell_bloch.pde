# nls maxwell bloch
# source: PaddlePaddle/PaddleScience:ppsci/equation/pde/nls_m_b.py
coordinates t, x
complex field E, p, eta
parameter a1, a2, w0

equation eq1: I*a2*abs(E)^2*E + E_x - 2*p - I*a1*E_tt = 0
equation eq2: p_t - 2*E*eta - 2*I*w0*p = 0
equation eq3: E*conj(p) + conj(E)*p + eta_t = 0
