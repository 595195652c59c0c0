# maxwell frequency real 3d
# source: NVIDIA/physicsnemo-sym:physicsnemo/sym/eq/pdes/electromagnetic.py
coordinates x, y, z
field ux, uy, uz
parameter k
define E = (ux, uy, uz)

curl_curl: ∇×(∇×E) - k^2*E = 0
