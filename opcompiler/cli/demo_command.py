"""`opcompiler demo`: the main job, from equations to a trained network."""

from importlib import import_module
from json import dumps
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from opcompiler.cli.app import app, errors_reported, examples, say
from opcompiler.cli.options import Json


@app.command(
    epilog=examples("opcompiler demo", "opcompiler demo --steps 1000 --seed 1 --json")
)
def demo(
    steps: Annotated[int, typer.Option(min=1, help="training steps")] = 4000,
    out: Annotated[Path, typer.Option(help="where the picture goes")] = Path(
        "burgers.png"
    ),
    seed: Annotated[int, typer.Option(help="of weights and points")] = 0,
    json: Json = False,
) -> None:
    """Times three operators against code by hand, trains Burgers' equation, draws it."""
    console = Console(highlight=False, stderr=json)
    with errors_reported():
        # It needs packages that nothing else needs.
        story = import_module("opcompiler.demo.story")
        numbers = story.tell(steps=steps, out=out, seed=seed, console=console)
    if json:
        say(dumps(numbers, indent=2))
