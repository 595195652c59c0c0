# reaction system inverse
# source: lululxvi/deepxde:examples/pinn_inverse/reaction_inverse.py
coordinates t, x
field ca(x, t), cb(x, t)
unknown Dc, kf

equation eq1: kf*cb^2*ca + ca_t - Dc*ca_xx/1000 = 0
equation eq2: 2*kf*cb^2*ca + cb_t - Dc*cb_xx/1000 = 0
