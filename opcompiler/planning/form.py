"""The form of a plan: what must hold so that a plan means one thing only.

`check_form` is asked by all who take a plan in: reading from JSON, the proof, the run.
What is not of the form is refused, never mended or skipped. Whether a plan of the form
is also *right* is what `certificate.py` proves.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import NoReturn, TYPE_CHECKING

from opcompiler.algebra.quadratic import Exact, Quadratic
from opcompiler.errors import OperatorError
from opcompiler.planning.kinds import KINDS

if TYPE_CHECKING:
    from opcompiler.ir import OperatorSymbol
    from opcompiler.planning.plan import Plan, Push, ReadOut


def check_form(plan: Plan) -> None:
    """Checks the form of a plan.

    Raises:
        OperatorError: naming the place that does not fit, and what is expected there.
    """
    widths = [len(site) for site in plan.sites]
    for number, push in enumerate(plan.pushes):
        _check_push(push, f"pushes[{number}]", widths)
    for number, readout in enumerate(plan.readouts):
        _check_readout(plan, readout, f"readouts[{number}]", widths)
    _check_once([r.functional for r in plan.readouts], "readouts", "functionals")
    for number, choice in enumerate(plan.choices):
        _check_below(choice.site, len(widths), f"choices[{number}].site")


def numbers(plan: Plan) -> Iterator[Exact]:
    """Yields every number of a plan but those of the functionals."""
    for push in plan.pushes:
        for *_, c in push.algebra.products:
            assert isinstance(c, Fraction)
            yield c
        for tangent in push.seeds:
            yield from (c for _, c in tangent)
    for readout in plan.readouts:
        yield from (c for _, _, c in readout.terms)


def is_sized(number: Exact | int) -> bool:
    """Whether a number's size is that of a normal float: not 0, and not infinite."""
    try:
        size = abs(float(number))
    except ArithmeticError:
        return False
    return sys.float_info.min <= size <= sys.float_info.max


def _refuse(path: str, value: object, expected: str) -> NoReturn:
    text = str(value)
    raise OperatorError(
        f"this is not a plan: {path} does not fit",
        expression=text if len(text) <= 60 else f"{text[:57]}...",
        hint=f"expected here: {expected}",
    )


def _check_below(value: object, limit: int, path: str, least: int = 0) -> None:
    if type(value) is not int or not least <= value < limit:
        _refuse(path, value, f"an integer of at least {least} and below {limit}")


def _check_once(entries: Iterable[object], path: str, what: str) -> None:
    seen = set()
    for entry in entries:
        if entry in seen:
            _refuse(path, entry, f"{what} that differ")
        seen.add(entry)


def _check_number(c: object, path: str, *, rational: bool = False) -> None:
    """Exact, not zero, and a float that is neither zero nor infinite."""
    if type(c) is not Fraction and (rational or type(c) not in (int, Quadratic)):
        _refuse(path, c, "a rational number" if rational else "an exact number")
    if not c:
        _refuse(path, c, "no number 0: zeros are left out")
    if not is_sized(c):
        _refuse(path, c, "a number whose size a float can hold")


def _check_push(push: Push, path: str, widths: list[int]) -> None:
    _check_below(push.site, len(widths), f"{path}.site")
    if push.kind not in KINDS:
        _refuse(f"{path}.kind", push.kind, f"one of: {', '.join(KINDS)}")
    _check_channels(push, f"{path}.channels")
    _check_products(push, f"{path}.products")
    size, width = push.algebra.size, widths[push.site]
    if len(push.seeds) != size:
        _refuse(f"{path}.seeds", len(push.seeds), f"a list of length {size}")
    if push.seeds[0]:
        expected = "[], because the unit starts from the point itself"
        _refuse(f"{path}.seeds[0]", push.seeds[0], expected)
    for k, tangent in enumerate(push.seeds):
        place = f"{path}.seeds[{k}]"
        for argument, c in tangent:
            _check_below(argument, width, place)
            _check_number(c, place)
        _check_once((argument for argument, _ in tangent), place, "arguments")
    misfit = KINDS[push.kind].misfit(push)
    if misfit:
        _refuse(path, f"a push of the kind {push.kind}", misfit)


def _check_channels(push: Push, path: str) -> None:
    degrees = [channel.degree for channel in push.algebra.channels]
    for degree in degrees:
        _check_below(degree, sys.maxsize, path)
    if not degrees or degrees[0] or 0 in degrees[1:] or degrees != sorted(degrees):
        expected = "the unit of degree 0, then channels of degrees 1, 2, ... sorted"
        _refuse(path, degrees, expected)
    for channel in push.algebra.channels:
        if channel.count != 1:
            expected = "single channels: families are found when a plan is run"
            _refuse(path, f"count {channel.count}", expected)


def _check_products(push: Push, path: str) -> None:
    channels = push.algebra.channels
    for n, (i, j, k, c) in enumerate(push.algebra.products):
        place = f"{path}[{n}]"
        for channel in (i, j, k):
            _check_below(channel, len(channels), place, least=1)
        if i > j or channels[i].degree + channels[j].degree != channels[k].degree:
            expected = "channels i <= j whose degrees add up to that of k"
            _refuse(place, (i, j, k), expected)
        _check_number(c, place, rational=True)
    _check_once((p[:3] for p in push.algebra.products), path, "products")


def _check_readout(plan: Plan, readout: ReadOut, path: str, widths: list[int]) -> None:
    functional = readout.functional
    _check_below(functional.site, len(widths), f"{path}.site")
    _check_symbol(functional.symbol, widths[functional.site], f"{path}.symbol")
    for n, (number, channel, c) in enumerate(readout.terms):
        place = f"{path}.terms[{n}]"
        _check_below(number, len(plan.pushes), place)
        push = plan.pushes[number]
        _check_below(channel, push.algebra.size, place)
        if push.site != functional.site:
            _refuse(place, push.site, f"a push at the site {functional.site}")
        if channel not in KINDS[push.kind].gives(push):
            _refuse(place, channel, f"a channel that the kind {push.kind} gives")
        _check_number(c, place)
    # Two terms of one channel might cancel, in numbers that a float does not hold.
    _check_once(((p, k) for p, k, _ in readout.terms), f"{path}.terms", "channels")


def _check_symbol(symbol: OperatorSymbol, width: int, path: str) -> None:
    for alpha, c in symbol.terms:
        if alpha.dim != width:
            _refuse(path, alpha.exponents, f"a list of length {width}")
        for power in alpha.exponents:
            _check_below(power, sys.maxsize, path)
        _check_number(c, path, rational=True)
    _check_once((alpha for alpha, _ in symbol.terms), path, "derivatives")
