"""The coverage table in docs/primitives.md is what the installed JAX and rules say."""

import os
from pathlib import Path

from opcompiler.taylor import coverage
from tests import apart

PAGE = Path(__file__).parents[2] / "docs" / "primitives.md"
HEAD = """# Primitives

How each differentiable primitive of JAX 0.10.2 is evaluated on algebra-valued arrays: the
class of its rule in `opcompiler/taylor/rules`, or `fallback` for the raise identity on its
JVP or nested `jax.jvp` of that primitive alone. Rewritten by
`UPDATE_GOLDEN=1 pytest tests/taylor/test_coverage.py`.

"""


def test_the_page_is_up_to_date() -> None:
    # In a process of its own: other libraries register primitives when imported.
    program = (
        "from opcompiler.taylor import coverage\n"
        "for row in coverage(): print(row.kind, row.primitive)"
    )
    (rows,) = apart.printed(("-c", program))
    kinds: dict[str, list[str]] = {}
    for row in rows.splitlines():
        kind, name = row.split()
        kinds.setdefault(kind, []).append(f"`{name}`")
    table = [f"| {kind} | {', '.join(kinds[kind])} |" for kind in sorted(kinds)]
    text = "\n".join([f"{HEAD}| kind | primitives |", "| --- | --- |", *table, ""])
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(text)
    assert PAGE.read_text() == text


def test_what_networks_use_has_a_rule_of_its_own() -> None:
    kinds = {row.primitive: row.kind for row in coverage()}
    common = [
        "add",
        "sub",
        "mul",
        "div",
        "dot_general",
        "conv_general_dilated",
        "exp",
        "log",
        "log1p",
        "expm1",
        "tanh",
        "logistic",
        "sin",
        "cos",
        "sqrt",
        "rsqrt",
        "integer_pow",
        "pow",
        "erf",
        "erfc",
        "abs",
        "max",
        "min",
        "clamp",
        "select_n",
        "reduce_sum",
        "reduce_max",
        "reshape",
        "transpose",
        "broadcast_in_dim",
        "slice",
        "concatenate",
        "pad",
        "gather",
        "dynamic_slice",
        "scatter-add",
        "cumsum",
        "sort",
        "scan",
        "while",
        "cond",
        "jit",
        "custom_jvp_call",
        "custom_vjp_call",
        "checkpoint",
    ]
    assert not [name for name in common if kinds.get(name, "fallback") == "fallback"]
