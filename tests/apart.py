"""Programs in processes of their own, which need not import JAX and SymPy again.

To import them takes longer than most programs of tests run. So a process is started once
that imports these two, and nothing else, and starts no backend: for each program it forks.
A program is what follows `python`: `("-c", TEXT)`, `("-m", MODULE, *WORDS)` or
`(FILE, *WORDS)`. Where Linux is not, each has an interpreter of its own.

>>> [done] = run(("-c", "import sys; print(2 + 3, 'sympy' in sys.modules)"))
>>> done.returncode, done.stdout
(0, '5 True\\n')
"""

import atexit
import contextlib
import functools
import gc
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import types
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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
        tasks = [
            {
                "words": [*map(str, words)],
                "outputs": [f"{folder}/{place}.{name}" for name in ("out", "err")],
                "cwd": str(cwd),
                "env": dict(env or {}),
                "timeout": timeout,
            }
            for place, words in enumerate(programs)
        ]
        codes = _forked(tasks) if sys.platform == "linux" else _spawned(tasks)
        return [
            Done(task["words"], code, *(Path(o).read_text() for o in task["outputs"]))
            for task, code in zip(tasks, codes, strict=True)
        ]


def printed(*programs: Words, **options) -> list[str]:
    """Runs programs side by side, each of which has to succeed; returns their outputs."""
    found = run(*programs, **options)
    for done in found:
        assert done.returncode == 0, done.stderr[-3000:]
    return [done.stdout for done in found]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": SEED}


def _spawned(tasks: list[dict]) -> list[int]:
    with ThreadPoolExecutor() as pool:
        return [*pool.map(_spawn, tasks)]


def _spawn(task: dict) -> int:
    out, err = map(Path, task["outputs"])
    with out.open("w") as out, err.open("w") as err:
        return subprocess.run(
            [sys.executable, *task["words"]], cwd=task["cwd"], timeout=task["timeout"],
            env=_environment() | task["env"], stdout=out, stderr=err, check=False,
        ).returncode  # fmt: skip


def _forked(tasks: list[dict]) -> list[int]:
    server = _server()
    server.stdin.write(json.dumps(tasks) + "\n")
    server.stdin.flush()
    return json.loads(server.stdout.readline())


@functools.cache
def _server() -> subprocess.Popen[str]:
    """The process that forks; it ends with its input."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.apart"], cwd=ROOT, env=_environment(),
        text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    atexit.register(server.communicate)
    return server


# --- the process that forks, and its children ---------------------------------------


def _serve() -> None:
    import jax
    import sympy  # noqa: F401

    # Nobody reads the lines of Python behind what is compiled.
    jax.config.update("jax_traceback_in_locations_limit", 0)
    gc.freeze()
    for line in sys.stdin:
        children = []
        for task in json.loads(line):
            child = os.fork()
            if not child:
                return _become(**task)
            children.append(child)
        ends = [os.waitpid(child, 0)[1] for child in children]
        print(json.dumps([*map(os.waitstatus_to_exitcode, ends)]), flush=True)  # noqa: T201
    return None


def _become(
    words: list[str], outputs: list[str], cwd: str, env: dict[str, str], timeout: int
) -> None:
    signal.alarm(timeout)
    for file, number in zip((os.devnull, *outputs), range(3), strict=True):
        with Path(file).open("r+" if number == 0 else "w") as opened:
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


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        _serve()
