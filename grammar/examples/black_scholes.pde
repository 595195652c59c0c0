# black scholes
# source: lululxvi/deepxde:examples/pinn_forward/black_scholes_call.py
coordinates S in [0, inf], τ in [0, 1]
field V
parameter σ, r_

black_scholes: V_τ = σ²*S²*V_SS/2 + r_*S*V_S - r_*V
