# lotka volterra
# source: lululxvi/deepxde:examples/pinn_forward/Lotka_Volterra.py
coordinates t
field a_, b_
parameter R, ub, rb

equation eq1: a__t - R*a_*(1 - b_)/ub = 0
equation eq2: b__t - rb*b_*(a_ - 1) = 0
