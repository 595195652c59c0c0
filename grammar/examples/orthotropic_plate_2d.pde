# orthotropic plate 2d
# source: textbook
coordinates x, y
field w
parameter Dx, H, Dy, q

equation eq1: Dx*w_xxxx + Dy*w_yyyy + 2*H*w_xxyy - q = 0
