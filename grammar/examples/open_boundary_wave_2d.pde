# open boundary wave 2d
# source: NVIDIA/physicsnemo-sym:examples/seismic_wave/wave_2d.py
coordinates t, x, y
field u(x, y, t)
coefficient c(x, y)

equation outflow: u_t + c*dn(u) = 0
