"""Double precision everywhere, and derandomised property tests."""

import jax
from hypothesis import settings

jax.config.update("jax_enable_x64", True)

settings.register_profile("house", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("house")
