# nonlinear hyperbolic system
# source: SciML/NeuralPDE.jl:docs/src/examples/nonlinear_hyperbolic.md
coordinates t, x
field u, w
parameter a, b, n

equation eq1: u_tt - u^3/w^2 - a*d(x^n*u_x, x)/x^n = 0
equation eq2: w_tt - 4*cos(pi*u/w)*w - b*d(x^n*w_x, x)/x^n = 0
