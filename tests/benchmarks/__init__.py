"""Speed, side by side in one run: `python -m tests.benchmarks`.

    timing.py            medians of contestants run in turns
    network.py           the network all contestants evaluate
    navier_stokes.py     contestants for 2D Navier-Stokes
    biharmonic.py        contestants for the bilaplacian in d dimensions
    laplacian.py         contestants for the Laplacian in d dimensions
    mixed.py             contestants for u_xxxy
    series.py            contestants for all derivatives 0...n in one variable
    small.py             second derivatives in small networks; one point each under vmap
    node_local.py        contestants for a network that sees every node alone
    image.py             contestants for a convolutional network, by all pixels
    wavefunction.py      contestants for kinetic energies, and for determinants alone
    narrow.py            contestants for exact Laplacians behind a narrow first layer
    tiles.py             the mean square of a residual at many points
    rivals.py            Laplacians of folx and of ferminet's loop, in one form
    sparse.py            sampled Laplacians in up to a million dimensions; run by itself
    report.py            tables on screen and under docs/benchmarks

A new row is a `Row` in a file of its own, listed in `__main__.py`.
"""
