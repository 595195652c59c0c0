# third order ode
# source: SciML/NeuralPDE.jl:test/NNPDE1/nnpde__pde_iii_3rd_order_ode.jl
coordinates x
field u

equation eq1: u_xxx - cos(pi*x) = 0
