"""The `opcompiler` command: thin over the package, results on stdout.

One file per command, and beside them what several need:

    app.py          the command itself: how it prints, and how it fails
    options.py      options that several commands take, and their completion
    sources.py      FILE -> a problem or a residual; values of its parameters; a network
    arrays.py       .npy and .npz files
    check_command.py plan_command.py eval_command.py new_command.py emit_command.py
    bench_command.py demo_command.py

JAX, SymPy and whatever else computes is imported inside of the functions that compute, so
that `--help`, completion and mistakes take a quarter of a second.

Exit codes: 0, all is well; 1, the operator, a file or a network is wrong, and stderr says
what and how to mend it; 2, the command line is wrong. `docs/cli.md` describes all commands.
"""

from opcompiler.cli import (
    bench_command,
    check_command,
    demo_command,
    emit_command,
    eval_command,
    new_command,
    plan_command,
)
from opcompiler.cli.app import app

__all__ = [
    "app",
    "bench_command",
    "check_command",
    "demo_command",
    "emit_command",
    "eval_command",
    "new_command",
    "plan_command",
]
