# heterogeneous arguments
# source: SciML/NeuralPDE.jl:test/NNPDE1/systems.jl
coordinates x, y
field p, q, r_(x), s_(y)

equation eq1: p + q - 2*x^2 = 0
equation eq2: p - q - 2*y^2 = 0
equation eq3: r__x - 2 = 0
equation eq4: s__y - 2 = 0
