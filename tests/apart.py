"""Programs in processes of their own, which need not import JAX and SymPy again.

To import these two takes longer than most programs of tests run. So the fork server of
`multiprocessing` imports them once, and nothing else, and starts no backend: each program
is a fork of it. A program is what follows `python`: `("-c", TEXT)`,
`("-m", MODULE, *WORDS)` or `(FILE, *WORDS)`.

>>> [done] = run(("-c", "import sys; print(2 + 3, 'sympy' in sys.modules)"))
>>> done.returncode, done.stdout
(0, '5 True\\n')
"""

import functools
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
import types
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).parents[1]
SEED = "1"
"""The hash seed of these processes, other than by chance not that of the suite."""

Words = Sequence[str | Path]
Done = subprocess.CompletedProcess[str]


def run(
    *programs: Words,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
    timeout: int = 500,
) -> list[Done]:
    """Runs programs side by side; returns what became of each.

    `env` adds to the environment. JAX reads its own variables when it is imported: what
    they say, a program says with `jax.config`.
    """
    with tempfile.TemporaryDirectory() as folder:
        outputs = [
            [f"{folder}/{n}.out", f"{folder}/{n}.err"] for n in range(len(programs))
        ]
        tasks = [[*map(str, words)] for words in programs]
        children = [
            _forking().Process(
                target=_become, args=(task, files, str(cwd), dict(env or {}))
            )
            for task, files in zip(tasks, outputs, strict=True)
        ]
        for child in children:
            child.start()
        for child in children:
            child.join(timeout)
            child.kill()  # which does nothing to one that has ended
            child.join()
        return [
            Done(task, child.exitcode or 0, *(Path(file).read_text() for file in files))
            for task, child, files in zip(tasks, children, outputs, strict=True)
        ]


def printed(*programs: Words, **options) -> list[str]:
    """Runs programs side by side, each of which has to succeed; returns their outputs."""
    found = run(*programs, **options)
    for done in found:
        assert done.returncode == 0, done.stderr[-3000:]
    return [done.stdout for done in found]


@functools.cache
def _forking() -> multiprocessing.context.ForkServerContext:
    """Starts the process that forks."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["jax", "sympy"])
    with mock.patch.dict(os.environ, PYTHONHASHSEED=SEED, PYTHONPATH=str(ROOT)):
        forkserver.ensure_running()
    return context


def _become(
    words: list[str], outputs: list[str], cwd: str, env: dict[str, str]
) -> None:
    """Runs a program in the place of this process, as Python does."""
    import jax

    # Nobody reads the lines of Python behind what is compiled.
    jax.config.update("jax_traceback_in_locations_limit", 0)
    for file, number in zip(outputs, (1, 2), strict=True):
        with Path(file).open("w") as opened:
            os.dup2(opened.fileno(), number)
    os.environ.update(env)
    os.chdir(cwd)
    kind, *rest = words
    try:
        if kind == "-c":
            sys.argv, sys.path[0] = ["-c", *rest[1:]], ""
            main = sys.modules["__main__"] = types.ModuleType("__main__")
            exec(compile(rest[0], "<string>", "exec"), vars(main))
        elif kind == "-m":
            sys.argv, sys.path[0] = rest, cwd
            runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        else:
            sys.argv, sys.path[0] = words, str(Path(kind).parent)
            runpy.run_path(kind, run_name="__main__")
    except Exception as error:
        # As Python does where nothing of ours stands below.
        error = error.with_traceback(error.__traceback__.tb_next)
        sys.excepthook(type(error), error, error.__traceback__)
        sys.exit(1)
