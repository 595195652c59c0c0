# kuramoto sivashinsky jaxpi
# source: PredictiveIntelligenceLab/jaxpi:examples/ks/models.py
coordinates t, x
field u

equation eq1: u_xx/2 + u_xxxx/200 + 5*u*u_x + u_t = 0
