"""What LaTeX commands stand for: names, functions, signs, or nothing at all."""

from opcompiler.notation.names import GREEK_NAMES

GREEK = {name: name for name in GREEK_NAMES}
GREEK |= {"lambda": "lam", "Lambda": "Lam"}
GREEK |= {f"var{name}": name for name in ("epsilon", "theta", "phi", "rho", "sigma")}

CONSTANTS = {"infty": "inf", "imath": "i", "hbar": "hbar", "ell": "ell"}

FUNCTIONS = {
    name: name
    for name in (
        *("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "coth"),
        *("arcsin", "arccos", "arctan", "exp", "log", "ln", "max", "min", "arg"),
    )
} | {"Re": "re", "Im": "im", "overline": "conj", "bar": "conj"}

OPERATORS = frozenset((
    "sech", "csch", "asin", "acos", "atan", "atan2", "asinh", "acosh",
    "atanh", "erf", "erfc", "erfinv", "sign", "sgn", "abs", "floor", "ceil",
    "mod", "heaviside", "gamma", "loggamma", "re", "im", "conj", "cbrt",
    "div", "grad", "curl", "rot", "tr", "lap", "biharmonic", "dn", "advect",
    "strain", "hessian", "trace", "transpose", "dot", "cross", "outer",
    "norm", "material",
))  # fmt: skip
"""Heads that are written by `operatorname`, as the text notation calls them."""

SIGNS = {
    "cdot": "DOT",
    "times": "CROSS",
    "otimes": "OTIMES",
    "ast": "STAR",
    "le": "CMP",
    "leq": "CMP",
    "ge": "CMP",
    "geq": "CMP",
    "ne": "CMP",
    "neq": "CMP",
    "lt": "CMP",
    "gt": "CMP",
    "in": "IN",
    "land": "AND",
    "wedge": "AND",
    "lor": "OR",
    "vee": "OR",
    "nabla": "NABLA",
    "Delta": "DELTA",
    "triangle": "DELTA",
    "lvert": "LBAR",
    "rvert": "RBAR",
    "lVert": "LNORM",
    "rVert": "RNORM",
    "lbrace": "LPAR",
    "rbrace": "RPAR",
    "{": "LPAR",
    "}": "RPAR",
    "colon": "COLON",
}
COMPARED = {"le": "<=", "leq": "<=", "ge": ">=", "geq": ">=", "ne": "!=", "neq": "!=",
            "lt": "<", "gt": ">"}  # fmt: skip

SILENT = frozenset((
    "quad", "qquad", "limits", "nolimits", "displaystyle", "textstyle",
    "nonumber", "notag", "big", "Big", "bigg", "Bigg", "bigl", "bigr",
    "Bigl", "Bigr", "biggl", "biggr", "Biggl", "Biggr", "thinspace",
    "enspace",
))  # fmt: skip

FRACTIONS = frozenset(("frac", "dfrac", "tfrac"))

ENVIRONMENTS = frozenset((
    "equation", "equation*", "align", "align*", "aligned", "alignat",
    "gather", "gather*", "gathered", "split", "multline", "multline*",
    "eqnarray", "eqnarray*", "displaymath", "math",
))  # fmt: skip

CONNECTING = {"and": "AND", "or": "OR"}
"""Words inside conditions."""
WHEN = ("for", "if", "when", "where")
OTHERWISE = ("otherwise", "else")


def content(words: str) -> str:
    r"""Returns what stands in `\text{...}`, `\mathbf u`, with `\_` as `_`."""
    command, brace, rest = words.partition("{")
    inside = rest[:-1] if brace else command[-1]
    for sign in "_#&%$":
        inside = inside.replace(f"\\{sign}", sign)
    return inside.replace("\\ ", " ")
