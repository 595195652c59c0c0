# american put complementarity
# source: lululxvi/deepxde:examples/pinn_forward/american_put.py
coordinates S, tau
field V
parameter sigma, r_, K

equation eq1: max(0, S*r_*V_S + S^2*sigma^2*V_SS/2 - V_tau - r_*V) = 0
equation eq2: max(0, max(0, K - S) - V) = 0
equation eq3: sqrt((V - max(0, K - S))^2 + (S*r_*V_S + S^2*sigma^2*V_SS/2 - V_tau -
    r_*V)^2 + 1/100000000) + S*r_*V_S + S^2*sigma^2*V_SS/2 + max(0, K - S) - V_tau - V -
    r_*V = 0
