# maxwell time domain 3d
# source: phydra-labs/phydrax:docs/guides_differential.md (curl) / textbook form
coordinates t, x, y, z
field Ex, Ey, Ez, Bx, By, Bz
parameter c
define E = (Ex, Ey, Ez)
define B = (Bx, By, Bz)

faraday: B_t + curl(E) = 0
ampere: E_t - c^2*curl(B) = 0
gauss: div(E) = 0
no_monopoles: div(B) = 0
