# euler beam boundary
# source: lululxvi/deepxde:examples/pinn_forward/Euler_beam.py
coordinates x in [0, 1]
field u

boundary clamped: u = 0 at x = 0
boundary flat: u_x = 0 at x = 0
boundary no_moment: u'' = 0 at x = 1
boundary no_shear: u_xxx(x=1) = 0
