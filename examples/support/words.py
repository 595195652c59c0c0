"""Names of problems and methods as titles of figures.

title("sine_gordon_two_body", 100, "sparse", 16)
# Sine-Gordon equation, two-body solution, d = 100; 16 sampled terms
"""

PROBLEMS = {
    "allen_cahn": "Allen–Cahn equation",
    "sine_gordon": "Sine-Gordon equation",
    "poisson": "Poisson's equation",
    "two_body": "two-body solution",
    "three_body": "three-body solution",
    "waves": "plane waves",
    "houman": "a chain of alternating signs",
    "exponentials": "exponentials on the cube",
    "biharmonic": "Biharmonic equation on an annulus",
    "heat": "Semilinear heat equation",
    "hjb_lqg": "Hamilton–Jacobi–Bellman, linear control, quadratic cost",
    "hjb_rosenbrock": "Hamilton–Jacobi–Bellman, Rosenbrock's function at the end",
    "hjb_linear": "Hamilton–Jacobi–Bellman, linear solution",
    "black_scholes_barenblatt": "Black–Scholes–Barenblatt equation",
    "wave": "Wave equation",
    "kdv2d": "Korteweg–de Vries in two dimensions, order 4",
    "kp": "Kadomtsev–Petviashvili equation, order 4",
    "gkdv": "Generalised Korteweg–de Vries system as one equation, order 4",
    "light_cone": "in light-cone coordinates",
}
METHODS = {"sparse": "{} sampled terms", "dense": "{} random directions"}


def words(name: str) -> str:
    """Returns the name of a problem in words, the longest that are known first."""
    for known in sorted(PROBLEMS, key=len, reverse=True):
        if name == known:
            return PROBLEMS[known]
        if name.startswith(f"{known}_"):
            return f"{PROBLEMS[known]}, {words(name[len(known) + 1 :])}"
    return name.replace("_", " ")


def title(name: str, dim: int, method: str, samples: int) -> str:
    """Returns the title of a figure: problem, dimension, and what is evaluated."""
    how = METHODS.get(method, f"method {method}").format(samples)
    return f"{words(name)}, d = {dim:,}; {'all terms' if method == 'exact' else how}"
