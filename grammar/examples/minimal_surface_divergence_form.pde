# minimal surface divergence form
# source: textbook
coordinates x, y
field u

minimal: div(grad(u)/sqrt(1 + norm(grad(u))^2)) = 0
