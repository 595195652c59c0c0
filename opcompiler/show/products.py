"""The multiplication table of an algebra as a grid: what two channels feed."""

from collections.abc import Sequence
from dataclasses import dataclass

from opcompiler.algebra.weil import Constant, TaylorAlgebra
from opcompiler.show.elision import elide, Elided

_TOO_MANY, _LINES = 20, 12


@dataclass(frozen=True, slots=True)
class Cell:
    """One product.

    Attributes:
        text: `2 c3 + c4`; empty where it vanishes, `…` where lines are left out.
        heat: degree of the product over the algebra's order; 0 for none.
        title: the same in full, `c1 · c2 = 2 c3`.
    """

    text: str
    heat: float = 0.0
    title: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A square table; `…` stands where its middle was left out.

    Attributes:
        names: of columns and rows, `c0`, `c1`, ...
        labels: what these channels hold.
        rows: of cells.
        left_out: number of lines not shown.
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    left_out: int


def product_grid(algebra: TaylorAlgebra) -> Grid:
    """Returns the multiplication table; large ones lose their middle."""
    channels = list(range(algebra.size))
    lines = channels if len(channels) <= _TOO_MANY else elide(channels, _LINES, tail=3)
    left_out = sum(line.count for line in lines if isinstance(line, Elided))
    return Grid(
        tuple("…" if isinstance(i, Elided) else f"c{i}" for i in lines),
        tuple(
            str(i) if isinstance(i, Elided) else algebra.channels[i].label
            for i in lines
        ),
        tuple(tuple(_cell(algebra, i, j) for j in lines) for i in lines),
        left_out,
    )


def _cell(algebra: TaylorAlgebra, i: int | Elided, j: int | Elided) -> Cell:
    if isinstance(i, Elided) or isinstance(j, Elided):
        return Cell("…")
    if i and j:
        terms: Sequence[tuple[int, Constant]] = algebra.table.get((i, j), ())
        text = " + ".join(_term(k, c) for k, c in terms)
    else:
        terms, text = (), f"c{i + j}"
    if not text:
        return Cell("", title=f"c{i} · c{j} = 0")
    degree = algebra.channels[i].degree + algebra.channels[j].degree
    heat = (degree + 1) / (algebra.order + 1)
    return Cell(text, heat, f"c{i} · c{j} = {text}")


def _term(channel: int, c: Constant) -> str:
    if isinstance(c, tuple):
        return f"({', '.join(map(str, c))})·c{channel}"
    return f"c{channel}" if c == 1 else f"{c}·c{channel}"
