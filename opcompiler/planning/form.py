"""The form of a plan: what must hold so that a plan has exactly one meaning.

In: the parts of a plan. Out: nothing, or an `OperatorError` that names the wrong part.

    check_form(plan.sites, plan.pushes, plan.readouts)
    # OperatorError: this is not a plan: pushes[0].site does not fit

Plans come from users too, as JSON or from a strategy of their own. So the reader of JSON,
the proof and the run all check the form first. A plan of another form is refused, and no
part of it is mended or skipped. The form does not say that a plan is *right*: that is
proved by `algebra/proof.py`.
"""

import sys
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NoReturn

from opcompiler.algebra.quadratic import Exact, Quadratic
from opcompiler.errors import OperatorError
from opcompiler.planning.kinds import KINDS, Push, ReadOut


def check_form(
    sites: Sequence[tuple[str, ...]],
    pushes: Sequence[Push],
    readouts: Sequence[ReadOut],
    choices: Sequence[int] = (),
) -> None:
    """Checks the form of a plan.

    Args:
        sites: of the plan, the arguments of each.
        pushes: of the plan.
        readouts: of the plan.
        choices: the sites of the plan's choices.

    Raises:
        OperatorError: naming the place that does not fit, and what is expected there.
    """
    widths = [len(site) for site in sites]
    for number, push in enumerate(pushes):
        _check_push(push, f"pushes[{number}]", widths)
    for number, readout in enumerate(readouts):
        _check_readout(pushes, readout, f"readouts[{number}]", widths)
    _check_once([r.functional for r in readouts], "readouts", "functionals")
    for number, site in enumerate(choices):
        _check_below(site, len(widths), f"choices[{number}].site")


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
    channels, size = push.algebra.channels, push.algebra.size

    place = f"{path}.channels"
    degrees = [channel.degree for channel in channels]
    for degree in degrees:
        _check_below(degree, sys.maxsize, place)
    if not degrees or degrees[0] or 0 in degrees[1:] or degrees != sorted(degrees):
        expected = "the unit of degree 0, then channels of degrees 1, 2, ... sorted"
        _refuse(place, degrees, expected)
    for channel in channels:
        if channel.count != 1:
            expected = "single channels: families are found when a plan is run"
            _refuse(place, f"count {channel.count}", expected)

    for n, (i, j, k, c) in enumerate(push.algebra.products):
        place = f"{path}.products[{n}]"
        for channel in (i, j, k):
            _check_below(channel, size, place, least=1)
        if i > j or degrees[i] + degrees[j] != degrees[k]:
            expected = "channels i <= j whose degrees add up to that of k"
            _refuse(place, (i, j, k), expected)
        _check_number(c, place, rational=True)
    _check_once((p[:3] for p in push.algebra.products), f"{path}.products", "products")

    if len(push.seeds) != size:
        _refuse(f"{path}.seeds", len(push.seeds), f"a list of length {size}")
    if push.seeds[0]:
        expected = "[], because the unit starts from the point itself"
        _refuse(f"{path}.seeds[0]", push.seeds[0], expected)
    for k, tangent in enumerate(push.seeds):
        place = f"{path}.seeds[{k}]"
        for argument, c in tangent:
            _check_below(argument, widths[push.site], place)
            _check_number(c, place)
        _check_once((argument for argument, _ in tangent), place, "arguments")

    if misfit := KINDS[push.kind].misfit(push):
        _refuse(path, f"a push of the kind {push.kind}", misfit)


def _check_readout(
    pushes: Sequence[Push], readout: ReadOut, path: str, widths: list[int]
) -> None:
    site, symbol = readout.functional.site, readout.functional.symbol
    _check_below(site, len(widths), f"{path}.site")
    place = f"{path}.symbol"
    for alpha, c in symbol.terms:
        if alpha.dim != widths[site]:
            _refuse(place, alpha.exponents, f"a list of length {widths[site]}")
        for power in alpha.exponents:
            _check_below(power, sys.maxsize, place)
        _check_number(c, place, rational=True)
    _check_once((alpha for alpha, _ in symbol.terms), place, "derivatives")
    for n, (number, channel, c) in enumerate(readout.terms):
        place = f"{path}.terms[{n}]"
        _check_below(number, len(pushes), place)
        push = pushes[number]
        _check_below(channel, push.algebra.size, place)
        if push.site != site:
            _refuse(place, push.site, f"a push at the site {site}")
        if channel not in KINDS[push.kind].readable(push):
            _refuse(place, channel, f"a channel that the kind {push.kind} gives")
        _check_number(c, place)
    # Two terms of one channel might cancel, in numbers that a float does not hold.
    _check_once(((p, k) for p, k, _ in readout.terms), f"{path}.terms", "channels")
