"""`python -m tests.benchmarks [--write] [--only WORD]`."""

import argparse

from rich.progress import track

from tests.benchmarks import (
    biharmonic,
    curvature,
    image,
    laplacian,
    mixed,
    narrow,
    navier_stokes,
    node_local,
    product,
    report,
    series,
    small,
    sparse,
    squares,
    tiles,
    wavefunction,
)
from tests.benchmarks.timing import measure

ROWS = {
    "navier-stokes": navier_stokes.row,
    "gram": squares.gram,
    "jacobian-products": squares.products,
    "biharmonic-2d": lambda: biharmonic.row(2),
    "biharmonic-5d": lambda: biharmonic.row(5),
    "laplacian-10d": lambda: laplacian.row(10, (128,) * 4, 256),
    "laplacian-50d": lambda: laplacian.row(50, (128,) * 4, 128),
    "laplacian-100d": lambda: laplacian.row(100, (128,) * 4, 64),
    "laplacian-50d-wide": lambda: laplacian.row(50, (768, 768, 512, 512), 64),
    "mixed": lambda: mixed.row((128,) * 4),
    "mixed-narrow": lambda: mixed.row((32,) * 4),
    "einstein-4d": curvature.einstein_row,
    "monge-ampere-5d": lambda: curvature.monge_ampere_row(5),
    "monge-ampere-8d": lambda: curvature.monge_ampere_row(8),
    "series-8": lambda: series.row(8),
    "small-mixed": small.mixed_row,
    "small-determinant": small.determinant_row,
    "small-series-4": lambda: small.series_row(4),
    "pairs": small.pairs_row,
    "node-local": node_local.row,
    "image": image.row,
    "wavefunction": wavefunction.network_row,
    "slogdet": wavefunction.determinants_row,
    "narrow-2000d": lambda: narrow.row(2_000, 64, 32, sampled=False),
    "tiles-10d": lambda: tiles.row(10, 8192),
    "grid-separable": lambda: product.separable_row(24),
    "grid-large": lambda: product.large_row(216),
    "grid-mixing": lambda: product.mixing_row(24, (128,) * 4),
    "functions": product.functions_row,
    "narrow-100000d": lambda: narrow.row(100_000, 128, 100, sampled=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.benchmarks", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks")
    parser.add_argument("--only", default="", help="rows whose name holds this word")
    options = parser.parse_args()
    results = []
    names = [name for name in ROWS if options.only in name]
    if not names and options.only not in sparse.NAME:
        parser.error(f"no row holds {options.only!r}; there are {', '.join(ROWS)}")
    for name in track(names, description="measuring"):
        row = ROWS[name]()
        results += measure(row, *row.setting())
        if options.write:  # row by row: what is measured is kept, whatever comes after
            report.write(results)
    report.show(results)
    if options.only in sparse.NAME:
        sampled = sparse.rows()
        report.show(sampled)
        if options.write:
            sparse.write(sampled)


if __name__ == "__main__":
    main()
