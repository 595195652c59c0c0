"""The edge of the package: what a user calls, and the errors of wrong calls.

    @public("oc.sobolev_loss(equation, 2, [x, y])")
    def sobolev_loss(equations: Any, order: int, wrt: ...) -> SobolevLoss: ...

`public` stands on every public function, and on every public class for its methods. Its
text is an example of a right call. In: a call. Out: what the function returns, or an error
that its caller can read:

* A call that does not fit the signature, or an argument that is not what its annotation
  says, is an `OperatorError` that names the argument and shows the example. The annotation
  is the contract, so functions check values only, not types. What an annotation leaves open
  (`Any`, arrays, expressions) is the function's own to check.
* The traceback ends at the caller's line. Frames of this package and of JAX are removed, as
  JAX removes its own; lines of the caller's network stay. JAX's own switch shows all:
  `jax.config.update("jax_traceback_filtering", "off")`, or the environment variable
  `JAX_TRACEBACK_FILTERING=off`. An error that is not of ours, and has no line of the
  caller's below the edge, is a defect of this package: nothing is removed from it.
"""

import functools
import inspect
import operator
import re
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from numbers import Number
from typing import Any, TypeVar

from opcompiler.errors import OperatorError

Thing = TypeVar("Thing")
Example = str | Callable[[Any], str]
"""A right call; or a function of the object whose method is called, which returns one."""

_EXAMPLES: dict[type, str] = {}
"""How an object of each public class is made."""


def public(example: Example = "") -> Callable[[Thing], Thing]:
    """Marks what users call; see the top of this file.

    Args:
        example: a right call, for hints; of a class, how an object is made.

    Returns:
        A decorator of a function, or of a class and its public methods.
    """

    def mark(thing: Any) -> Any:
        if not isinstance(thing, type):
            return _guarded(thing, example)
        if isinstance(example, str) and example:
            _EXAMPLES[thing] = example
        for name, member in list(vars(thing).items()):
            plain = getattr(member, "__func__", member)
            mine = name in ("__init__", "__call__") or not name.startswith("_")
            if mine and inspect.isfunction(plain) and not hasattr(plain, "_example"):
                guarded: Any = _guarded(plain, example if name == "__init__" else "")
                if plain is not member:  # a classmethod or staticmethod
                    guarded = type(member)(guarded)
                setattr(thing, name, guarded)
        return thing

    return mark


def _guarded(function: Callable[..., Any], example: Example) -> Callable[..., Any]:
    signature = inspect.signature(function)
    checked: dict[str, tuple[Any, str]] | None = (
        None  # annotation, and what it asks for
    )

    @functools.wraps(function)
    def guarded(*args: Any, **named: Any) -> Any:
        nonlocal checked
        try:
            try:
                given = signature.bind(*args, **named).arguments
            except TypeError:
                raise _misfit(function, signature, args, named, example) from None
            if checked is None:  # at the first call, when every class has been made
                checked = _checked(function, signature)
            for name, (annotation, words) in checked.items():
                fault = _fault(annotation, given[name]) if name in given else ""
                if fault:
                    shown = _shown(example, args)
                    as_in = f", as in {shown}" if shown else ""
                    raise OperatorError(
                        f"{name} of {_called(function, shown)} {fault}",
                        expression=f"{name}={given[name]!r}"[:200],
                        hint=f"give {words}{as_in}",
                    )
            return function(*args, **named)
        except Exception as error:
            _shorten(error)
            raise

    setattr(guarded, "_example", example)  # noqa: B010 - pyright knows no such attribute
    return guarded


# Calls that do not fit a signature.


def _misfit(
    function: Callable[..., Any],
    signature: inspect.Signature,
    args: tuple[Any, ...],
    named: Mapping[str, Any],
    example: Example,
) -> OperatorError:
    """Returns the error of a call with arguments too many, too few or misspelt."""
    known = [p for p in signature.parameters.values() if p.name not in ("self", "cls")]
    bound = len(signature.parameters) - len(known)  # 1 for a method
    by_place = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    )
    ordered = [p.name for p in known if p.kind in by_place]
    by_name = [
        p.name for p in known if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    needed = [p.name for p in known if p.default is p.empty and p.kind != p.VAR_KEYWORD]
    misplaced = [n for n in named if n in ordered and n not in by_name]
    takes_any = any(p.kind is p.VAR_KEYWORD for p in known)
    unknown = [] if takes_any else [n for n in named if n not in by_name]
    given, more = args[bound:], args[bound + len(ordered) :]
    twice = [n for n in ordered[: len(given)] if n in named]
    missing = [n for n in needed if n not in named and n not in ordered[: len(given)]]
    shown = _shown(example, args)
    what = _called(function, shown)
    hint = f"write {shown or what + _text(known)}"
    if misplaced:
        problem, where = f"{misplaced[0]} of {what} is given by name", misplaced[0]
        hint = f"give it by position: {hint}"
    elif unknown:
        close = get_close_matches(unknown[0], by_name, n=1)
        problem, where = f"{what} has no argument {unknown[0]}", unknown[0]
        hint = (f"did you mean {close[0]}? " if close else "") + hint
    elif more:
        takes = (
            f"{len(ordered)} by position, {', '.join(ordered)}" if ordered else "none"
        )
        problem = f"{what} takes {takes}, and is given {len(given)}"
        where = ", ".join(map(_brief, more))
    elif twice:
        problem, where = f"{what} is given {twice[0]} twice", twice[0]
    else:
        problem = f"{what} needs {' and '.join(missing)}"
        where = f"{what}({', '.join(map(_brief, given))})"
    return OperatorError(problem, expression=where[:200], hint=hint)


def _shown(example: Example, args: tuple[Any, ...]) -> str:
    return example if isinstance(example, str) else example(args[0])


def _called(function: Callable[..., Any], shown: str) -> str:
    """Returns how users call a function: as its example starts, else by its name."""
    head = re.match(r"[\w.]+(?=\()", shown)
    return head[0] if head else function.__qualname__.removesuffix(".__init__")


def _text(parameters: Sequence[inspect.Parameter]) -> str:
    plain = [p.replace(annotation=p.empty) for p in parameters]
    return str(inspect.Signature(plain))


def _brief(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 40 else f"{text[:37]}..."


# Values that are not what an annotation says. Annotations are read as far as the table
# and the two functions say; whatever else they hold allows anything.


def _is_whole(value: Any) -> bool:
    try:
        operator.index(value)
    except Exception:  # a traced number raises an error of JAX's own
        return False
    return not isinstance(value, bool)


_PLAIN: dict[Any, tuple[str, Callable[[Any], bool]]] = {
    int: ("a whole number", _is_whole),
    float: ("a number", lambda value: isinstance(value, Number)),
    bool: ("True or False", lambda value: type(value).__name__ in ("bool", "bool_")),
    str: ("text", lambda value: isinstance(value, str)),
    tuple: ("a tuple", lambda value: isinstance(value, tuple)),
    types.NoneType: ("None", lambda value: value is None),
    Callable: ("a function", callable),
    Mapping: ("a dict", lambda value: isinstance(value, Mapping)),
}


def _checked(
    function: Callable[..., Any], signature: inspect.Signature
) -> dict[str, tuple[Any, str]]:
    """Returns the annotations that ask for something, and what, by argument."""
    single = {
        p.name
        for p in signature.parameters.values()
        if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    }
    # What it returns is not checked, and may be of a package that is not imported yet.
    given = {n: a for n, a in function.__annotations__.items() if n in single}
    kinds = typing.get_type_hints(
        types.SimpleNamespace(__annotations__=given), function.__globals__
    )
    return {
        name: (kind, words) for name, kind in kinds.items() if (words := _words(kind))
    }


def _words(annotation: Any) -> str:
    """Returns what may be given, in words; "" if anything may."""
    plain, inner = (
        typing.get_origin(annotation) or annotation,
        typing.get_args(annotation),
    )
    if plain in (types.UnionType, typing.Union):
        parts = dict.fromkeys(map(_words, inner))
        return " or ".join(parts) if all(parts) else ""
    if plain is Sequence:
        each = _words(inner[0]) if inner else ""
        return "a list" + (f" (each: {each})" if each else "")
    if plain in _PLAIN:
        return _PLAIN[plain][0]
    # Objects that come from their class alone; arrays and expressions do not.
    root, _, rest = getattr(plain, "__module__", "").partition(".")
    named = getattr(plain, "__name__", "") in ("Symbol", "IndexedBase", "Path")
    if isinstance(plain, type) and (named or (root == "opcompiler" and rest)):
        return _EXAMPLES.get(plain) or _a(f"{root}.{plain.__name__}")
    return ""


def _fault(annotation: Any, value: Any) -> str:
    """Returns what is wrong with a value, "is a str"; "" if nothing is."""
    if not _words(annotation):
        return ""
    plain, inner = (
        typing.get_origin(annotation) or annotation,
        typing.get_args(annotation),
    )
    if plain in (types.UnionType, typing.Union):
        faults = [_fault(part, value) for part in inner]
        # What a list holds says more than that it is no number.
        return "" if "" in faults else max(faults, key=lambda f: f.startswith("holds"))
    if plain is Sequence:
        sized = hasattr(value, "__len__") and hasattr(value, "__getitem__")
        if not sized or isinstance(value, str | bytes | Mapping):
            return f"is {_described(value)}"
        wrong = [part for part in value if _fault(inner[0], part)] if inner else []
        return f"holds {_described(wrong[0])}" if wrong else ""
    fits = _PLAIN[plain][1](value) if plain in _PLAIN else isinstance(value, plain)
    return "" if fits else f"is {_described(value)}"


def _described(value: object) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__} itself"
    return "None" if value is None else _a(type(value).__name__)


def _a(name: str) -> str:
    return f"an {name}" if name[0] in "aeioAEIO" else f"a {name}"


# Tracebacks.

_HIDDEN = frozenset({"opcompiler", "jax", "jaxlib", "contextlib", "functools"})


def _shorten(error: BaseException) -> None:
    """Removes frames of this package and of JAX from an error, and from its causes."""
    if _full_tracebacks():
        return
    if not isinstance(error, OperatorError) and _callers(error.__traceback__) is None:
        return  # a defect of ours; to mend it needs every frame
    seen: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in seen:
        seen.append(link)
        link.__traceback__ = _callers(link.__traceback__)
        link = link.__cause__ or link.__context__


def _callers(traceback: types.TracebackType | None) -> types.TracebackType | None:
    """Returns the entries of a traceback that are the caller's; `None` if none is."""
    kept: list[types.TracebackType] = []
    while traceback is not None:
        module = traceback.tb_frame.f_globals.get("__name__") or ""
        if module.partition(".")[0] not in _HIDDEN:
            kept.append(traceback)
        traceback = traceback.tb_next
    rest: types.TracebackType | None = None
    for entry in reversed(kept):
        rest = types.TracebackType(
            rest, entry.tb_frame, entry.tb_lasti, entry.tb_lineno
        )
    return rest


def _full_tracebacks() -> bool:
    """Whether the user has switched JAX's filtering off; this module runs without JAX."""
    jax = sys.modules.get("jax")
    return jax is not None and jax.config.jax_traceback_filtering == "off"
