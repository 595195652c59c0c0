# euler bernoulli dynamic
# source: lululxvi/deepxde issue #489 (forced beam)
coordinates t, x
field w(x, t)
coefficient q(x, t)
parameter EI, rhoA

equation eq1: EI*w_xxxx + rhoA*w_tt - q = 0
