# fractional poisson 2d
# source: lululxvi/deepxde:examples/pinn_forward/fractional_Poisson_2d.py
# (-Laplace)^(alpha/2) in the plane as its singular integral, in polar coordinates (r, a)
# about the point, with r = (s/(1 - s))^2. It wants u on all of the plane.
coordinates x, y
field u
coefficient f
parameter alpha

equation eq1: alpha*2^(alpha - 1)*gamma(1 + alpha/2)/(pi*gamma(1 - alpha/2))*int(int(
    (2*u - u(x + (s/(1 - s))^2*cos(a), y + (s/(1 - s))^2*sin(a))
         - u(x - (s/(1 - s))^2*cos(a), y - (s/(1 - s))^2*sin(a)))
    *2*s/(1 - s)^3/((s/(1 - s))^2)^(1 + alpha), s, 0, 1), a, 0, pi) = f
