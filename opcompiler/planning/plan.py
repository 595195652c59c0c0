r"""A plan: what is pushed through the network, and how functionals are read off.

Plain data: `Push` and `ReadOut` of `kinds.py`, put together by a strategy. What a plan
knows of itself stands beside it, a file each: its form (`form.py`), its cost (`cost.py`)
and the proof that it is right (`algebra/proof.py`):

    plan = oc.compile(u.diff(x, 2) + u.diff(y, 2)).plan
    plan.channels, plan.cost.time, plan.verify()           # 4, 4.44, True
    plan.pushes[0].seeds                                   # (), x, y, ()
    plan.readouts[0].terms                                 # 2 times channel 3 of push 0
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TYPE_CHECKING

from opcompiler.algebra.proof import prove
from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.ir import Functional
from opcompiler.planning.cost import Cost, plan_cost
from opcompiler.planning.form import check_form
from opcompiler.planning.kinds import Push, ReadOut
from opcompiler.views import find_view, loaded

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True)
class Choice:
    """Why `auto` took a strategy at a site.

    Attributes:
        site: number of the evaluation site.
        strategy: the one taken: the cheapest.
        predicted: the cost of each that could win, `Cost.time` in forward passes.
    """

    site: int
    strategy: str
    predicted: tuple[tuple[str, float], ...]


@public("residual.plan")
@dataclass(frozen=True)
class Plan:
    """The complete recipe for a set of functionals; frozen, hashable, printable.

    Attributes:
        strategy: name of the strategy that made it.
        sites: the arguments of each evaluation site, as text.
        pushes: the evaluations.
        readouts: one per functional, in the order in which they were asked for.
        choices: what `auto` weighed at each site; empty if the user chose.

    Examples:
        >>> x, y = sp.symbols("x y")
        >>> u = sp.Function("u")(x, y)
        >>> plan = oc.compile(u.diff(x, 2, y)).plan
        >>> plan.strategy, plan.channels, plan.verify()
        ('algebra', 6, True)
    """

    strategy: str
    sites: tuple[tuple[str, ...], ...]
    pushes: tuple[Push, ...]
    readouts: tuple[ReadOut, ...]
    choices: tuple[Choice, ...] = ()

    @property
    def channels(self) -> int:
        """Number of Taylor channels over all pushes, values included."""
        return sum(push.algebra.size for push in self.pushes)

    @property
    def functionals(self) -> tuple[Functional, ...]:
        """What the plan computes."""
        return tuple(readout.functional for readout in self.readouts)

    @cached_property
    def cost(self) -> Cost:
        """What it costs, beside nested automatic differentiation."""
        return plan_cost(self.pushes, self.readouts)

    def check(self) -> None:
        """Checks the form of the plan, see `form.py`; the run and the proof do it too.

        Raises:
            OperatorError: naming the place that does not fit, and what is expected.

        Examples:
            >>> plan.check()
        """
        return self._form

    @cached_property
    def _form(self) -> None:
        places = [choice.site for choice in self.choices]
        check_form(self.sites, self.pushes, self.readouts, places)

    @cached_property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest absolute value among its numbers; (1, 1) if none."""
        sizes = [abs(float(c)) for r in self.readouts for *_, c in r.terms]
        for push in self.pushes:
            sizes += [abs(float(c)) for tangent in push.seeds for _, c in tangent]
            sizes += [abs(float(c)) for *_, c in push.algebra.products]
        return min(sizes, default=1.0), max(sizes, default=1.0)

    def verify(self) -> bool:
        """Proves by exact arithmetic that every read-out is its functional.

        The proof is of what runs: a plan that `check` refuses is not right, nor is one
        whose read-outs cancel so far that floats do not hold the rest. What the functionals
        *are*, `functionals` says; a plan from elsewhere may be for others than you want.
        See `algebra/proof.py`.

        Returns:
            Whether the plan is right; a strategy that returns `False` has a defect.

        Raises:
            OperatorError: if the plan is too large to be proved.

        Examples:
            >>> plan.verify()
            True
        """
        return self._certificate

    @cached_property
    def _certificate(self) -> bool:
        try:
            self.check()
        except OperatorError:
            return False
        pushes = [(push.algebra, push.seeds) for push in self.pushes]
        return prove(pushes, [(r.terms, r.functional.symbol) for r in self.readouts])

    @cached_property
    def proved(self) -> bool | None:
        """What `verify` returns; `None` if the plan is too large to be proved."""
        try:
            return self.verify()
        except OperatorError:
            return None

    # How a plan is shown stands above: each view is found by its name when it is used.

    def view(self, name: str, **options: Any) -> Any:
        """Returns a view of the plan by its name, ours or one of `register_view`.

        Args:
            name: `table`, `comparison`, `html`, `card`, `svg`, `graph`, `latex`, `json`,
                or the name of a registered view.
            **options: the view's own.

        Returns:
            What the view returns: text, but for `graph`.

        Raises:
            OperatorError: if there is no such view.

        Examples:
            >>> print(plan.view("table").splitlines()[0])
            plan: strategy algebra, 6 channels in 1 push
        """
        return find_view(name)(self, **options)

    def __str__(self) -> str:
        return self.view("table")

    def __repr__(self) -> str:
        pushes = f"{len(self.pushes)} push{'es' if len(self.pushes) != 1 else ''}"
        fields = ", ".join(dict.fromkeys(f.field for f in self.functionals))
        return (
            f"<Plan {self.strategy}: {self.channels} channels in {pushes}, "
            f"{len(self.readouts)} functionals of {fields}>"
        )

    def to_json(self) -> str:
        """Returns the plan as JSON; `from_json` gives an equal plan back.

        Returns:
            Text without line ends; numbers are text in it, so that none is rounded.

        Examples:
            >>> plan.to_json()[:45]
            '{"format": "opcompiler-plan", "version": 1, "'
        """
        return self.view("json")

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        """Reads what `to_json` wrote; ask the plan to `verify` before you trust it.

        Args:
            text: JSON, from anywhere: reading it runs nothing.

        Returns:
            A plan equal to that which was written.

        Raises:
            OperatorError: if the text is no plan, with what was expected and where.

        Examples:
            >>> oc.Plan.from_json(plan.to_json()) == plan
            True
        """
        return loaded("opcompiler.show.serial:read_plan")(text)

    def graph(self) -> "nx.DiGraph":
        """Returns the derivation graph; `show/graph.py` says its attributes.

        Returns:
            A networkx graph: arguments, tangents, channels and functionals are its nodes,
            and what is made of what its edges.

        Examples:
            >>> sorted({kind for _, kind in plan.graph().nodes(data="kind")})
            ['argument', 'channel', 'functional', 'tangent']
        """
        return self.view("graph")

    def to_svg(self, path: str | Path | None = None) -> str:
        """Returns the derivation graph as SVG, and writes it to a file.

        Args:
            path: of the file to be written; no file, if `None`.

        Returns:
            The SVG document, which needs nothing but itself.

        Raises:
            OperatorError: if the file cannot be written.

        Examples:
            >>> plan.to_svg()[:4]
            '<svg'
        """
        return _written(self.view("svg"), path)

    def to_latex(self) -> str:
        r"""Returns channels, product rules and read-outs as one `aligned` block.

        Returns:
            LaTeX, to be put between `\[` and `\]`.

        Examples:
            >>> print(plan.to_latex().splitlines()[-2])
            \partial_{x}^{2} \partial_{y} u &= 2\,c_{5}(u)
        """
        return self.view("latex")

    def to_html(
        self,
        path: str | Path | None = None,
        *,
        source: str | None = None,
        sums: Sequence[str] = (),
        equations: Sequence[str] = (),
        costs: Sequence[str] = (),
    ) -> str:
        """Returns a page about the plan and every other strategy's, and writes it.

        `Residual.to_html` gives what a plan does not know: all arguments but the first.

        Args:
            path: of the file to be written; no file, if `None`.
            source: the emitted function, if the page should show it.
            sums: how sums over components are evaluated, a line each.
            equations: what was compiled, a line each.
            costs: what a network makes of it, the lines of `Residual.explain`.

        Returns:
            The HTML document, which needs nothing but itself.

        Raises:
            OperatorError: if the file cannot be written.

        Examples:
            >>> "Why this plan" in plan.to_html()
            True
        """
        more = {"sums": sums, "equations": equations, "costs": costs}
        return _written(self.view("html", source=source, **more), path)

    def comparison(self) -> str:
        """Returns a table of every strategy's cost for the same functionals.

        Returns:
            Text, a line for each strategy; a mark stands where `auto` would go.

        Examples:
            >>> [line.split()[0] for line in plan.comparison().splitlines() if "<-" in line]
            ['algebra']
        """
        return self.view("comparison")

    def _repr_html_(self) -> str:
        return self.view("card")


def joined(
    plans: Sequence[Plan],
    functionals: Sequence[Functional],
    sites: tuple[tuple[str, ...], ...],
    strategy: str,
    choices: tuple[Choice, ...] = (),
) -> Plan:
    """Puts plans for different functionals side by side, in the order asked for."""
    pushes: list[Push] = []
    readouts: dict[Functional, ReadOut] = {}
    for plan in plans:
        shift = len(pushes)
        pushes += plan.pushes
        for readout in plan.readouts:
            terms = tuple((push + shift, k, c) for push, k, c in readout.terms)
            readouts[readout.functional] = ReadOut(readout.functional, terms)
    ordered = tuple(readouts[f] for f in functionals)
    return Plan(strategy, sites, tuple(pushes), ordered, choices)


def _written(text: str, path: str | Path | None) -> str:
    if path is not None:
        try:
            Path(path).write_text(text, encoding="utf-8")
        except OSError as error:
            raise OperatorError(
                f"cannot write {path}: {error.strerror}",
                hint="give the name of a file in a folder that exists",
            ) from None
    return text
