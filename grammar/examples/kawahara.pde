# kawahara
# source: matthieucadiot/ProofKawahara.jl:README.md (evolution form)
coordinates t, x
field u(x, t)

equation eq1: u*u_x + u_t + u_xxx - u_xxxxx = 0
