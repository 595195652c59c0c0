# integro differential 1d
# source: SciML/NeuralPDE.jl:test/IntegroDiff/ide__integrodiff_example_1_1d.jl
coordinates x
field u

equation: u_x + 2*u + 5*int(u(s), s, 0, x) = 1
