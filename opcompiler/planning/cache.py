"""Plans kept on disk, by the hash of what was asked: opt-in.

Set the environment variable `OPCOMPILER_PLAN_CACHE` to a folder. A file there is not
trusted: its plan must be for the same functionals and must prove itself; if it does not,
it is made and written again.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from opcompiler.core.errors import OperatorError
from opcompiler.core.symbol import Functional
from opcompiler.planning.plan import Plan

VARIABLE = "OPCOMPILER_PLAN_CACHE"

Sites = tuple[tuple[str, ...], ...]


def cached(
    functionals: tuple[Functional, ...],
    sites: Sites,
    strategy: str,
    make: Callable[[], Plan],
) -> Plan:
    """Returns the plan on disk, or makes it and keeps it there, if the user wants that.

    Args:
        functionals: what is asked for.
        sites: the arguments of each evaluation site, as text.
        strategy: the name that was asked for.
        make: makes the plan.
    """
    folder = os.environ.get(VARIABLE)
    if not folder:
        return make()
    path = Path(folder) / f"{content_hash(functionals, sites, strategy)}.json"
    plan = _read(path)
    if plan is None or (plan.functionals, plan.sites) != (functionals, sites):
        plan = make()
        _write(path, plan.to_json())
    return plan


def content_hash(
    functionals: tuple[Functional, ...], sites: Sites, strategy: str
) -> str:
    """Returns a name for a request: the same in every process, for one version of us."""
    asked = [
        [f.field, f.site, [[a.exponents, str(c)] for a, c in f.symbol.terms]]
        for f in functionals
    ]
    text = json.dumps([_version(), strategy, sites, asked])
    return hashlib.sha256(text.encode()).hexdigest()


def _version() -> str:
    try:
        return version("opcompiler")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "unknown"


def _read(path: Path) -> Plan | None:
    """Returns the plan in a file; none if there is none that is right."""
    try:
        plan = Plan.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, OperatorError):
        return None
    return plan if plan.verify() else None


def _write(path: Path, text: str) -> None:
    """Writes a file in one step, so that no process ever reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
