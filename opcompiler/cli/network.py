"""A network on the command line: `module:function`, the user's own code."""

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import typer

from opcompiler.cli.reading import on_path, place
from opcompiler.errors import OperatorError


@dataclass(frozen=True)
class UserCode:
    """Where a network comes from.

    Attributes:
        module, name: as they were written, `module:name`.
    """

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}:{self.name}"

    def network(self) -> Any:
        """Imports the module, which runs it, and returns the network.

        Raises:
            OperatorError: if there is no such module, or nothing of that name in it, or
                it stops, or what it has is no network.
        """
        found = self._attribute(self._imported())
        networks = found.values() if isinstance(found, Mapping) else [found]
        if not all(map(callable, networks)):
            raise OperatorError(
                f"{self} is no network",
                expression=repr(found)[:200],
                hint="give a function of one point, or a dict of such functions by field",
            )
        return found

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Imports from the current folder, and tells errors of the user's functions.

        Whatever passes through the module on its way is the user's to mend; other errors
        are defects of ours.
        """
        # What it prints must not get into our results.
        with on_path(Path.cwd()), redirect_stdout(sys.stderr):
            try:
                yield
            except OperatorError:
                raise
            except Exception as error:
                file = getattr(sys.modules.get(self.module), "__file__", None)
                where = place(error, str(file))
                if file is None or where == str(file):
                    raise
                raise OperatorError(
                    f"{self} stops with {type(error).__name__}",
                    expression=f"{_shown(where)} {_first_line(error)}".rstrip(),
                    hint="a network is a JAX function of ONE point; it is traced, so "
                    "no value decides what it does",
                ) from None

    def _imported(self) -> Any:
        try:
            return importlib.import_module(self.module)
        except OperatorError:
            raise
        except (Exception, SystemExit) as error:
            missing = error.name if isinstance(error, ModuleNotFoundError) else None
            if missing and f"{self.module}.".startswith(f"{missing}."):
                plain = self.module.removesuffix(".py")
                folder = "run the command in the folder that holds it"
                file = f"a module, not a file: {plain}:{self.name}"
                raise OperatorError(
                    f"there is no module {missing}",
                    expression=str(self),
                    hint=folder if plain == self.module else file,
                ) from None
            raise OperatorError(
                f"importing {self.module} stops with {type(error).__name__}: {error}",
                hint=f"it must be importable here: python -c 'import {self.module}'",
            ) from None

    def _attribute(self, module: Any) -> Any:
        if not hasattr(module, self.name):
            known = [name for name in vars(module) if not name.startswith("_")]
            close = get_close_matches(self.name, known, n=1)
            raise OperatorError(
                f"{self.module} has no {self.name}",
                expression=str(self),
                hint=f"did you mean {close[0]}?"
                if close
                else f"it has: {', '.join(sorted(known)) or 'nothing'}",
            )
        return getattr(module, self.name)


def _shown(place: str) -> str:
    """Returns a place in the current folder as the user would write it."""
    return place.removeprefix(f"{Path.cwd()}/")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0]


def read_name(text: str) -> UserCode:
    """Reads `module:name`.

    Raises:
        typer.BadParameter: if it is not of this form.
    """
    module, colon, name = text.partition(":")
    parts = [*module.split("."), name]
    if not colon or not all(part.isidentifier() for part in parts):
        raise typer.BadParameter(
            f"{text!r} is not module:function; network:apply is", param_hint="--net"
        )
    return UserCode(module, name)
