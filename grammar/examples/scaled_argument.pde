# scaled argument
# source: SciML/NeuralPDE.jl:test/NNPDE2/general_arguments.jl
coordinates x
field u

equation slope: 2*u_x(2*x) = 8*x
equation value: u(2*x) = 4*u
