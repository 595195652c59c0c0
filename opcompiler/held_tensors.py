r"""Held tensors: inverses, determinants and contractions that stay one node.

In: tensors of SymPy expressions. Out: nodes of them, and `Element`, a SymPy expression, one
number of such a node. Nothing is written out: an inverse of a 4 by 4 matrix of fields has
some thousand terms, its derivatives some hundred thousand.

    g = read_tensor(sp.Matrix([[a, b], [b, c]]))     Written((2, 2), a, b, b, c)
    Element(Inverse(g), 0, 1)                        inverse([[a, b], [b, c]])[0, 1]
    Element(Inverse(g), 0, 1).diff(x)                -einsum('ab,bc,cd->ad', ...)[0, 1]

Each node knows its derivative as a node, from that of the expressions in it:

$$ d\,G = -G\,dM\,G, \qquad d \det M = \mathrm{tr}(\mathrm{adj}(M)\, dM) , $$

and of products by the product rule. The derivative of the adjugate has no short formula
that holds at singular M too. So `Adjugate(M, A, B)` is a node itself: the derivative of
adj along A and B, of which a program evaluates the polynomial.

The shell of an equation keeps a node as steps on arrays (`frontend/emission.py`), which
`runtime/linear_algebra.py` evaluates at all points together.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import reduce

import sympy as sp
from sympy.core.symbol import Str

Derive = Callable[[sp.Expr], sp.Expr]
"""An expression -> its derivative along what is differentiated by."""


class HeldTensor(sp.Basic):
    """A tensor that stays one node; its elements are `Element(tensor, 0, 1)`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis; () of a scalar."""
        raise NotImplementedError

    def slope(self, derive: Derive) -> "HeldTensor | None":
        """Returns the derivative; `None` if it is zero everywhere.

        Args:
            derive: gives that of an expression.
        """
        raise NotImplementedError

    def written_out(self) -> list[sp.Expr]:
        """Returns all elements as expressions without held tensors, the last axis first."""
        raise NotImplementedError

    @property
    def places(self) -> Iterator[tuple[int, ...]]:
        """The places of all elements, those of the last axis first."""
        return tuples(self.shape)

    def _plain(self) -> sp.Matrix:
        return sp.Matrix(*self.shape, self.written_out())


class Written(HeldTensor):
    """`Written(shape, *elements)`: a tensor whose elements are expressions."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return tuple(map(int, self.args[0]))

    @property
    def elements(self) -> tuple[sp.Expr, ...]:
        """The expressions, those of the last axis first."""
        return self.args[1:]

    def slope(self, derive: Derive) -> HeldTensor | None:
        """Returns the tensor of the elements' derivatives."""
        slopes = [derive(element) for element in self.elements]
        if all(slope == 0 for slope in slopes):
            return None
        return Written(self.args[0], *slopes)

    def written_out(self) -> list[sp.Expr]:
        """Returns the elements; held tensors in them are written out too."""
        return [element.doit(deep=True) for element in self.elements]

    def _nested(self, form: Callable[[Sequence[str]], str], printer: object) -> str:
        text = list(map(printer._print, self.elements))
        for size in reversed(self.shape):
            text = [form(text[k : k + size]) for k in range(0, len(text), size)]
        return text[0]

    def _sympystr(self, printer: object) -> str:
        return self._nested(lambda parts: f"[{', '.join(parts)}]", printer)

    def _latex(self, printer: object) -> str:
        if len(self.shape) != 2:
            row = lambda parts: f"\\left[{', '.join(parts)}\\right]"
            return self._nested(row, printer)
        _, columns = self.shape
        parts = list(map(printer._print, self.elements))
        rows = (
            " & ".join(parts[k : k + columns]) for k in range(0, len(parts), columns)
        )
        inside = " \\\\ ".join(rows)
        return f"\\begin{{pmatrix}}{inside}\\end{{pmatrix}}"


class Einsum(HeldTensor):
    r"""`Einsum((c, spec, *tensors), ...)`: a sum of products over repeated axes.

    Every term is a factor c, an expression, times `einsum(spec, *tensors)`. So
    `Einsum((1, "ab,bc->ac", A, B))` is a product of matrices, and
    `Einsum((1, "ab->ab", A), (-1, "ab->ba", A))` is A minus its transpose.
    """

    def __new__(cls, *terms: Sequence[object]) -> "Einsum":
        """Makes a node of terms; the spec may be plain text."""
        return super().__new__(cls, *(
            sp.Tuple(sp.S(c), spec if isinstance(spec, Str) else Str(spec), *tensors)
            for c, spec, *tensors in terms
        ))  # fmt: skip

    @property
    def terms(self) -> list[tuple[sp.Expr, list[str], str, tuple[HeldTensor, ...]]]:
        """Per term its factor, the letters of each tensor, those of the result, tensors."""
        found = []
        for c, spec, *tensors in (term.args for term in self.args):
            inputs, _, output = spec.name.partition("->")
            found.append((c, inputs.split(","), output, tuple(tensors)))
        return found

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        _, inputs, output, tensors = self.terms[0]
        sizes = _sizes(inputs, tensors)
        return tuple(sizes[letter] for letter in output)

    def slope(self, derive: Derive) -> HeldTensor | None:
        """Returns the derivative by the product rule."""
        terms: list[Sequence[object]] = []
        for c, spec, *tensors in (term.args for term in self.args):
            rate = derive(c)
            if rate != 0:
                terms.append((rate, spec, *tensors))
            for place, tensor in enumerate(tensors):
                slope = tensor.slope(derive)
                if slope is not None:
                    others = tensors[:place], tensors[place + 1 :]
                    terms.append((c, spec, *others[0], slope, *others[1]))
        return Einsum(*terms) if terms else None

    def product_at(self, place: Sequence[int]) -> sp.Expr:
        """Returns one element as a sum of products of elements."""
        total = sp.S.Zero
        for c, inputs, output, tensors in self.terms:
            sizes, at = _sizes(inputs, tensors), dict(zip(output, place, strict=True))
            summed = [letter for letter in sizes if letter not in output]
            for more in tuples([sizes[letter] for letter in summed]):
                at |= dict(zip(summed, more, strict=True))
                factors = (
                    Element(tensor, *(at[letter] for letter in letters))
                    for tensor, letters in zip(tensors, inputs, strict=True)
                )
                total += c * sp.Mul(*factors)
        return total

    def written_out(self) -> list[sp.Expr]:
        """Returns the sums of products."""
        tensors = {tensor for *_, tensors in self.terms for tensor in tensors}
        found = {
            Element(tensor, *place): value
            for tensor in tensors
            for place, value in zip(tensor.places, tensor.written_out(), strict=True)
        }
        return [self.product_at(place).xreplace(found).doit() for place in self.places]

    def _sympystr(self, printer: object) -> str:
        text = ""
        for c, spec, *tensors in (term.args for term in self.args):
            sign = "-" if c.could_extract_minus_sign() else "+"
            size = -c if sign == "-" else c
            factor = "" if size == 1 else f"{printer.parenthesize(size, 50)}*"
            inside = ", ".join(map(printer._print, tensors))
            text += f" {sign} {factor}einsum('{spec.name}', {inside})"
        text = text.removeprefix(" + ")
        text = f"-{text[3:]}" if text.startswith(" - ") else text
        return text if len(self.args) == 1 else f"({text})"


class Inverse(HeldTensor):
    """`Inverse(matrix)`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self.args[0].shape

    def slope(self, derive: Derive) -> HeldTensor | None:
        r"""Returns $-G\,dM\,G$."""
        slope = self.args[0].slope(derive)
        return (
            None if slope is None else Einsum((-1, "ab,bc,cd->ad", self, slope, self))
        )

    def written_out(self) -> list[sp.Expr]:
        """Returns the cofactors over the determinant."""
        matrix = self.args[0]._plain()
        return list(matrix.adjugate() / matrix.det(method="berkowitz"))

    def _sympystr(self, printer: object) -> str:
        return f"inverse({printer._print(self.args[0])})"

    def _latex(self, printer: object) -> str:
        return f"{printer._print(self.args[0])}^{{-1}}"


class Determinant(HeldTensor):
    """`Determinant(matrix)`, a scalar."""

    @property
    def shape(self) -> tuple[int, ...]:
        """That of a scalar, ()."""
        return ()

    def slope(self, derive: Derive) -> HeldTensor | None:
        r"""Returns $\mathrm{tr}(\mathrm{adj}(M)\, dM)$."""
        (matrix,) = self.args
        slope = matrix.slope(derive)
        return (
            None if slope is None else Einsum((1, "ab,ba->", Adjugate(matrix), slope))
        )

    def written_out(self) -> list[sp.Expr]:
        """Returns the determinant by SymPy, without divisions."""
        return [self.args[0]._plain().det(method="berkowitz")]

    def _sympystr(self, printer: object) -> str:
        return f"det({printer._print(self.args[0])})"

    def _latex(self, printer: object) -> str:
        return f"\\det {printer._print(self.args[0])}"


class Adjugate(HeldTensor):
    r"""`Adjugate(M, *along)`: adj(M), or its derivative along matrices, one after another.

    $\mathrm{adj}(M)\, M = \det M$. It is a polynomial in the elements of M, defined where M
    is singular as well.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self.args[0].shape

    def slope(self, derive: Derive) -> HeldTensor | None:
        """Returns one more derivative along dM, and those along what the others become."""
        matrix, *along = self.args
        parts = []
        moved = matrix.slope(derive)
        if moved is not None:
            parts.append(Adjugate(matrix, *along, moved))
        for place, direction in enumerate(along):
            turned = direction.slope(derive)
            if turned is not None:
                others = along[:place], along[place + 1 :]
                parts.append(Adjugate(matrix, *others[0], turned, *others[1]))
        if len(parts) == 1:
            return parts[0]
        return Einsum(*((1, "ab->ab", part) for part in parts)) if parts else None

    def written_out(self) -> list[sp.Expr]:
        """Returns the elements as SymPy has them."""
        matrix, *along = (part._plain() for part in self.args)
        steps = [sp.Dummy() for _ in along]
        for step, direction in zip(steps, along, strict=True):
            matrix += step * direction
        found = list(matrix.adjugate())
        for step in steps:
            found = [element.diff(step).subs(step, 0) for element in found]
        return found

    def _sympystr(self, printer: object) -> str:
        return f"adjugate({', '.join(map(printer._print, self.args))})"


class Element(sp.Expr):
    """`Element(tensor, i, j)`: one number of a held tensor, an expression like any other.

    Of a `Written` tensor it is the expression that stands there. Places are numbers.
    `doit()` writes it out.
    """

    is_commutative = True

    def __new__(cls, tensor: HeldTensor, *place: int) -> sp.Expr:
        """Makes the element at a place, which is in the tensor."""
        if isinstance(tensor, Written):
            number = 0
            for k, size in zip(place, tensor.shape, strict=True):
                number = number * size + int(k)
            return tensor.elements[number]
        return super().__new__(cls, tensor, *map(sp.Integer, place))

    @property
    def tensor(self) -> HeldTensor:
        """What it is an element of."""
        return self.args[0]

    @property
    def place(self) -> tuple[int, ...]:
        """Its place there, counted from 0."""
        return tuple(map(int, self.args[1:]))

    def slope(self, derive: Derive) -> sp.Expr:
        """Returns the derivative; see `HeldTensor.slope`."""
        slope = self.tensor.slope(derive)
        return sp.S.Zero if slope is None else Element(slope, *self.place)

    def _eval_derivative(self, symbol: sp.Symbol) -> sp.Expr:
        return self.slope(lambda expr: sp.diff(expr, symbol))

    def doit(self, **hints: object) -> sp.Expr:
        """Returns the element written out, as an expression without held tensors."""
        pairs = zip(self.tensor.places, self.tensor.written_out(), strict=True)
        return dict(pairs)[self.place]

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return self.doit()._eval_evalf(prec)

    def _sympystr(self, printer: object) -> str:
        text = printer._print(self.tensor)
        return f"{text}[{', '.join(map(str, self.place))}]" if self.place else text

    def _latex(self, printer: object) -> str:
        text = printer._print(self.tensor)
        if not self.place:
            return text
        indices = " ".join(str(k + 1) for k in self.place)
        return f"\\left({text}\\right)_{{{indices}}}"


def _sizes(inputs: Sequence[str], tensors: Sequence[HeldTensor]) -> dict[str, int]:
    """Returns the length of the axis that each letter names."""
    return {
        letter: size
        for letters, tensor in zip(inputs, tensors, strict=True)
        for letter, size in zip(letters, tensor.shape, strict=True)
    }


def tuples(sizes: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yields the places of an array of some shape, those of the last axis first."""
    return itertools.product(*map(range, sizes))


def product(factors: Sequence[HeldTensor]) -> HeldTensor:
    """Returns the product of matrices, from left to right."""
    return reduce(lambda a, b: Einsum((1, "ab,bc->ac", a, b)), factors)


def read_tensor(value: sp.MatrixBase | sp.NDimArray) -> HeldTensor:
    """Returns the held tensor whose elements these are, or else one that is written.

    So `inverse(g)`, taken apart into a matrix of its elements, is one node again where it
    is used whole; its transpose is too.
    """
    shape = tuple(map(int, value.shape))
    places = list(tuples(shape))
    elements = [value[place] if place else value[()] for place in places]
    first = elements[0] if elements else None
    if isinstance(first, Element):
        tensor = first.tensor
        if all(isinstance(e, Element) and e.tensor == tensor for e in elements):
            found = [element.place for element in elements]
            if tensor.shape == shape and found == places:
                return tensor
            turned = [place[::-1] for place in places]
            if len(shape) == 2 and tensor.shape == shape[::-1] and found == turned:
                return Einsum((1, "ab->ba", tensor))
    return Written(sp.Tuple(*shape), *elements)


def elements(tensor: HeldTensor) -> sp.Expr | sp.Matrix | sp.ImmutableDenseNDimArray:
    """Returns a tensor as SymPy users know it: an expression, a matrix, an array."""
    found = [Element(tensor, *place) for place in tensor.places]
    match tensor.shape:
        case ():
            return found[0]
        case (_, _):
            return sp.Matrix(*tensor.shape, found)
    return sp.ImmutableDenseNDimArray(found, tensor.shape)
