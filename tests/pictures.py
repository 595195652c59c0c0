"""Pictures of few pixels, whose parts do not make room for each other, for tests.

Most of the time of a picture goes into its layout and its pixels.
"""

import pytest
from matplotlib.figure import Figure


def make_coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets Matplotlib save such pictures only, for the time of a test."""
    saved = Figure.savefig

    def savefig(figure, *given, **options) -> None:
        figure.set_layout_engine("none")
        saved(figure, *given, **options | {"dpi": 20})

    monkeypatch.setattr(Figure, "savefig", savefig)
