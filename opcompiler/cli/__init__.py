"""The `opcompiler` command: thin over the package, results on stdout.

One file per command, and beside them what several need:

    app.py          the command itself, with what all its parts share
    failures.py     errors of the user's become a message and an exit code
    completion.py   what the shell offers when TAB is pressed
    options.py      options that several commands take
    reading.py      FILE -> a problem or a compiled residual
    network.py      module:function -> a network
    check.py plan_command.py eval.py emit.py bench.py demo.py

Exit codes: 0, all is well; 1, the operator, a file or a network is wrong, and stderr says
what and how to mend it; 2, the command line is wrong. `docs/cli.md` tells of every command.
"""

from opcompiler.cli import bench, check, demo, emit, eval, plan_command
from opcompiler.cli.app import app

__all__ = ["app", "bench", "check", "demo", "emit", "eval", "plan_command"]
