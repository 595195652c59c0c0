# pdae system
# source: SciML/NeuralPDE.jl:docs/src/tutorials/derivative_neural_network.md
coordinates t, x
field u1, u2, u3

equation eq1: u1_tt - u1_xx - sin(pi*x)*u3 = 0
equation eq2: u2_tt - u2_xx - cos(pi*x)*u3 = 0
equation eq3: cos(pi*x)*u2 + sin(pi*x)*u1 - exp(-t) = 0
