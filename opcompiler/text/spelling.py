"""Names: one spelling for each, and what a subscript says.

`ν`, `ν` in any Unicode form and `nu` are one name, `x₁` is `x1`. A subscript is read
against the declared coordinates: `u_xx` is a derivative only where `xx` splits into
coordinates in exactly one way.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

_LETTERS = "αβγδεζηθικλμνξοπρστυφχψω"
_WORDS = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lam mu nu xi omicron pi rho "
    "sigma tau upsilon phi chi psi omega"
)
_GREEK = dict(zip(_LETTERS, _WORDS.split(), strict=True))
GREEK_NAMES = tuple(
    name for low in _GREEK.values() if low != "lam" for name in (low, low.capitalize())
)
"""The words of the Greek letters, small and capital; lambda is `lam`."""

_CAPITALS = {k.upper(): v.capitalize() for k, v in _GREEK.items()}
_SPELLED = {**_GREEK, **_CAPITALS, "ς": "sigma", "Δ": "Delta"}


@lru_cache(maxsize=4096)
def spelled(raw: str) -> str:
    """Returns the ASCII spelling of a name: Greek letters by name, braces left out.

    `λ` and `lambda` become `lam`, for Python has taken the other word.
    """
    plain = unicodedata.normalize("NFKC", raw)
    for sign in "{} ,\t":
        plain = plain.replace(sign, "")
    name = "".join(_SPELLED.get(letter, letter) for letter in plain)
    return "lam" if name == "lambda" else name


class Alphabet:
    """Names of coordinates, in declared order, that subscripts are spelled in."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._places: dict[str, int] = {}
        self._lengths: set[int] = set()
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        """Adds a name behind the others."""
        self._places[name] = len(self._places)
        self._lengths.add(len(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def splits(self, subscript: str) -> list[tuple[str, ...]]:
        """Returns the readings of a subscript as a sequence of names, at most two.

        Underscores separate: `x_t` is x then t. Two are enough to know it ambiguous.
        """
        pieces = [piece for piece in subscript.split("_") if piece]
        if not pieces:
            return []
        readings: list[tuple[str, ...]] = [()]
        for piece in pieces:
            inner = self._splits(piece)
            readings = [left + right for left in readings for right in inner][:2]
        return readings

    def _splits(self, text: str) -> list[tuple[str, ...]]:
        """Splits from the end, so that each rest is split once."""
        ways: list[list[tuple[str, ...]]] = [[] for _ in text] + [[()]]
        for place in reversed(range(len(text))):
            found = (text[place : place + length] for length in self._lengths)
            names = [name for name in found if name in self._places]
            for name in sorted(dict.fromkeys(names), key=self._places.__getitem__):
                ways[place] += [(name, *rest) for rest in ways[place + len(name)]]
            ways[place] = ways[place][:2]
        return ways[0]


def bases(name: str) -> list[tuple[str, str]]:
    """Returns every (base, subscript) of `name`, split at an underscore."""
    places = [i for i, letter in enumerate(name) if letter == "_" and i > 0]
    return [(name[:i], name[i + 1 :]) for i in places]
