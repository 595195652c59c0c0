"""Problems in symbols: residual, exact solution, sampler of the domain, constraint."""
