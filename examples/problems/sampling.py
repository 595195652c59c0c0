"""Samplers of domains: (key, count) -> points, in the dtype of JAX's default float."""

import jax
import jax.numpy as jnp
from jax import Array

from examples.problems.problem import Sampler


def ball(dim: int, inner: float = 0.0, outer: float = 1.0) -> Sampler:
    """A radius uniform in [inner, outer], not uniform in volume, as in the paper."""

    def sample(key: Array, count: int) -> Array:
        along, away = jax.random.split(key)
        direction = jax.random.normal(along, (count, dim))
        direction /= jnp.linalg.norm(direction, axis=1, keepdims=True)
        radius = jax.random.uniform(away, (count, 1), minval=inner, maxval=outer)
        return radius * direction

    return sample


def box(lower: tuple[float, ...], upper: tuple[float, ...]) -> Sampler:
    """Uniform in a box."""

    def sample(key: Array, count: int) -> Array:
        low, high = jnp.asarray(lower), jnp.asarray(upper)
        return jax.random.uniform(key, (count, len(lower)), minval=low, maxval=high)

    return sample


def faces(lower: tuple[float, ...], upper: tuple[float, ...]) -> Sampler:
    """Uniform in a box, but for one coordinate of each point, which is at an end."""

    def sample(key: Array, count: int) -> Array:
        inside, which, end = jax.random.split(key, 3)
        points = box(lower, upper)(inside, count)
        axis = jax.random.randint(which, (count,), 0, len(lower))
        ends = jnp.asarray([lower, upper])
        side = jax.random.randint(end, (count,), 0, 2)
        return points.at[jnp.arange(count), axis].set(ends[side, axis])

    return sample


def with_time(space: Sampler, horizon: float) -> Sampler:
    """Points of space, with a last column t uniform in [0, horizon]."""

    def sample(key: Array, count: int) -> Array:
        first, second = jax.random.split(key)
        time = jax.random.uniform(second, (count, 1), maxval=horizon)
        return jnp.concatenate([space(first, count), time], axis=1)

    return sample


def gauss(dim: int) -> Sampler:
    """Standard normal in every component."""
    return lambda key, count: jax.random.normal(key, (count, dim))


def spreading(dim: int, horizon: float) -> Sampler:
    """Where sqrt(2) W is at a time uniform in [0, horizon], from normal starts.

    A terminal value problem is determined along the paths of its diffusion: normal points
    at all times leave out, in many dimensions, where the paths go, |x|^2 ~ d (1 + 2 t).
    """

    def sample(key: Array, count: int) -> Array:
        first, second = jax.random.split(key)
        time = jax.random.uniform(second, (count, 1), maxval=horizon)
        place = jnp.sqrt(1 + 2 * time) * jax.random.normal(first, (count, dim))
        return jnp.concatenate([place, time], axis=1)

    return sample


def brownian(dim: int, horizon: float, times: int = 20) -> Sampler:
    """Points along paths of sqrt(2) W from 0, with a last column t in [0, horizon].

    Every path is seen at `times` times, one in each of as many equal intervals.
    """

    def sample(key: Array, count: int) -> Array:
        paths = -(-count // times)
        when, how = jax.random.split(key)
        inside = jax.random.uniform(when, (paths, times))
        time = (jnp.arange(times) + inside) * (horizon / times)
        waits = jnp.diff(time, axis=1, prepend=0.0)[..., None]
        steps = jnp.sqrt(2 * waits) * jax.random.normal(how, (paths, times, dim))
        places = jnp.cumsum(steps, axis=1)
        points = jnp.concatenate([places, time[..., None]], axis=2)
        return points.reshape(-1, dim + 1)[:count]

    return sample
