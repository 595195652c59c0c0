# advection with delay periodicity
# source: SciML/NeuralPDE.jl:test/NNPDE2/general_arguments.jl
coordinates t, x
field u

advection: u_t + u_x = 0
periodic: u(t, x + 1) - u(t, x) = 0
