"""What a user asks for: how many samples, drawn how."""

import math
from dataclasses import dataclass
from numbers import Real

from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.sampling.laws import DISTRIBUTIONS


@public("oc.Sparse(16)")
@dataclass(frozen=True, slots=True)
class Sparse:
    """Sample the terms of a sum; unbiased for every operator of every order.

    Attributes:
        samples: terms per point and sum.
        replace: whether a term may be drawn twice. Without replacement the variance is
            smaller, and none is left when all terms are drawn.
        per_point: whether every point has a draw of its own, or all points share one.
        shared: whether several sums over the same range have one draw, and one push.
        importance: probabilities of the terms: `None` for uniform, "coefficients" for
            proportional to the absolute coefficients, or weights, one per term.

    Raises:
        OperatorError: for fewer than one sample, weights that are no probabilities, or
            importance without replacement.

    Source: STDE, sections 4.2 and 4.3, equations 13-17.
    """

    samples: int
    replace: bool = False
    per_point: bool = False
    shared: bool = True
    importance: str | tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        _check_samples(self.samples)
        if isinstance(self.importance, str) and self.importance != "coefficients":
            raise OperatorError(
                "there is no such importance",
                expression=f"importance={self.importance!r}",
                hint='give None, "coefficients", or a tuple of weights, one per term',
            )
        if self.importance is not None and not self.replace:
            raise OperatorError(
                "terms of unequal probability are drawn with replacement",
                expression=f"{self}",
                hint="add replace=True",
            )
        if isinstance(self.importance, tuple) and not all(
            isinstance(weight, Real) and 0 < weight < math.inf
            for weight in self.importance
        ):
            raise OperatorError(
                "importance weights are probabilities up to a factor; a term of weight 0 "
                "would never be drawn, and the estimate would lack it",
                expression=f"importance={self.importance}",
                hint="give finite weights above zero",
            )


@public('oc.Dense(16, distribution="rademacher")')
@dataclass(frozen=True, slots=True)
class Dense:
    r"""Push random directions whose moments give the operator, if any do.

    Attributes:
        samples: directions per point.
        distribution: "rademacher" (least variance for a Laplacian), "gaussian" and
            "sphere" (powers of it), "skewed" ($\sum_i \partial_i^3$), "roots_of_unity"
            ($\sum_i \partial_i^k$, complex directions).
        per_point: whether every point has directions of its own, or all share them.
        antithetic: whether directions come in pairs v, -v. Derivatives of odd order along
            a direction then cancel exactly; those of even order are the same for both,
            so that half of the work is wasted on a plain Laplacian.

    Raises:
        OperatorError: for fewer than one sample, an unknown distribution, or an odd number
            of antithetic samples.

    Source: STDE, section 4.4 and appendix K.
    """

    samples: int
    distribution: str = "rademacher"
    per_point: bool = False
    antithetic: bool = False

    def __post_init__(self) -> None:
        _check_samples(self.samples)
        if self.distribution not in DISTRIBUTIONS:
            raise OperatorError(
                "there is no such distribution",
                expression=f"distribution={self.distribution!r}",
                hint=f"choose one of: {', '.join(DISTRIBUTIONS)}",
            )
        if self.antithetic and self.samples % 2:
            raise OperatorError(
                "antithetic directions come in pairs",
                expression=f"samples={self.samples}",
                hint="give an even number of samples",
            )


Estimator = Sparse | Dense


def _check_samples(samples: int) -> None:
    if samples < 1:
        raise OperatorError(
            "an estimator needs at least one sample",
            expression=f"samples={samples}",
            hint="give a whole number of 1 or more",
        )
