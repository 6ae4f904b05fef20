"""`tf.random`: random tensors from torch's generators."""

from typing import Any

import torch
from torch import Tensor

from torchkeras import config as _config
from torchkeras import random as _random
from torchkeras.tf._convert import as_shape, as_tensor
from torchkeras.tf._missing import missing_from
from torchkeras.tf._strings import structural
from torchkeras.tf._tensor import facade, sealed
from torchkeras.tf.dtypes import float32, torch_dtype

__all__ = [
    "Generator",
    "categorical",
    "fold_in",
    "gamma",
    "get_global_generator",
    "normal",
    "poisson",
    "set_global_generator",
    "set_seed",
    "shuffle",
    "split",
    "stateless_categorical",
    "stateless_normal",
    "stateless_truncated_normal",
    "stateless_uniform",
    "truncated_normal",
    "uniform",
]

_LIMIT = 2.0  # where a truncated normal is cut, in standard deviations

# One stream of numbers for each `seed=` argument; `set_seed` starts them anew.
_streams: dict[tuple[int, torch.device], torch.Generator] = {}
_global_seed = 0


def set_seed(seed: int) -> None:
    """Seeds torch, NumPy and Python's `random`, from which layers draw their seeds."""
    global _global_seed
    _global_seed = int(seed)
    _streams.clear()
    _random.set_global_seed(_global_seed)


def _generator(seed: Any, device: torch.device) -> torch.Generator | None:
    """None for the global stream, else the stream of this `seed=` under the global seed."""
    if seed is None or isinstance(seed, torch.Generator):
        return seed
    key = int(seed), device
    if key not in _streams:
        mixed = (_global_seed * 1_000_003 + key[0]) % 2**63
        _streams[key] = torch.Generator(device).manual_seed(mixed)
    return _streams[key]


def _fresh(seed: Any) -> torch.Generator:
    """A generator that starts where a pair of numbers says."""
    first, second = as_shape(seed)
    mixed = (first * 1_000_003 + second) % 2**63
    return torch.Generator(_config.default_device()).manual_seed(mixed)


def _full(value: Any, device: torch.device) -> Any:
    return value if isinstance(value, int | float) else as_tensor(value).to(device)


@facade
def normal(shape, mean=0.0, stddev=1.0, dtype=float32, seed=None, name=None) -> Tensor:
    """Numbers from a normal distribution."""
    device = _config.default_device()
    noise = torch.randn(
        as_shape(shape),
        dtype=torch_dtype(dtype),
        device=device,
        generator=_generator(seed, device),
    )
    return noise * _full(stddev, device) + _full(mean, device)


@facade
def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=float32, seed=None, name=None) -> Tensor:
    """Numbers from a normal distribution cut at two standard deviations."""
    device = _config.default_device()
    noise = torch.empty(as_shape(shape), dtype=torch_dtype(dtype), device=device)
    torch.nn.init.trunc_normal_(noise, a=-_LIMIT, b=_LIMIT, generator=_generator(seed, device))
    return noise * _full(stddev, device) + _full(mean, device)


@facade
def uniform(shape, minval=0, maxval=None, dtype=float32, seed=None, name=None) -> Tensor:
    """Numbers spread evenly from `minval` up to `maxval`, which is left out.

    Raises:
        ValueError: an integer dtype without `maxval`.
    """
    device, dtype = _config.default_device(), torch_dtype(dtype)
    generator = _generator(seed, device)
    if dtype.is_floating_point:
        noise = torch.rand(as_shape(shape), dtype=dtype, device=device, generator=generator)
        low, high = _full(minval, device), 1 if maxval is None else _full(maxval, device)
        return noise * (high - low) + low
    if maxval is None:
        raise ValueError(f"Must specify maxval for integer dtype {dtype}. Received: maxval=None")
    return torch.randint(
        int(minval), int(maxval), as_shape(shape), dtype=dtype, device=device, generator=generator
    )


@facade
@structural
def shuffle(value, seed=None, name=None) -> Tensor:
    """The rows of `value` in a random order."""
    x = as_tensor(value)
    order = torch.randperm(len(x), device=x.device, generator=_generator(seed, x.device))
    return x[order]


@facade
def categorical(logits, num_samples, dtype="int64", seed=None, name=None) -> Tensor:
    """`num_samples` class indices for each row of unnormalized log-probabilities."""
    chances = torch.softmax(as_tensor(logits), -1)
    generator = _generator(seed, chances.device)
    drawn = torch.multinomial(chances, int(num_samples), replacement=True, generator=generator)
    return drawn.to(torch_dtype(dtype))


@facade
def gamma(shape, alpha, beta=None, dtype=float32, seed=None, name=None) -> Tensor:
    """Numbers from gamma distributions; the shape of `alpha` comes after `shape`."""
    alpha = as_tensor(alpha, dtype_hint=dtype).to(torch_dtype(dtype))
    rates = alpha.expand(*as_shape(shape), *alpha.shape)
    drawn = torch._standard_gamma(rates.contiguous(), _generator(seed, alpha.device))
    return drawn if beta is None else drawn / as_tensor(beta).to(drawn.dtype)


@facade
def poisson(shape, lam, dtype=float32, seed=None, name=None) -> Tensor:
    """Numbers from Poisson distributions; the shape of `lam` comes after `shape`."""
    lam = as_tensor(lam).to(torch_dtype(dtype))
    rates = lam.expand(*as_shape(shape), *lam.shape)
    return torch.poisson(rates, _generator(seed, lam.device))


def stateless_normal(shape, seed, mean=0.0, stddev=1.0, dtype=float32, name=None, alg=None):
    """As `normal`, the same numbers each time for the same `seed`, a pair of integers."""
    return normal(shape, mean, stddev, dtype, _fresh(seed))


def stateless_truncated_normal(
    shape, seed, mean=0.0, stddev=1.0, dtype=float32, name=None, alg=None
):
    """As `truncated_normal`, the same numbers each time for the same `seed`."""
    return truncated_normal(shape, mean, stddev, dtype, _fresh(seed))


def stateless_uniform(shape, seed, minval=0, maxval=None, dtype=float32, name=None, alg=None):
    """As `uniform`, the same numbers each time for the same `seed`."""
    return uniform(shape, minval, maxval, dtype, _fresh(seed))


def stateless_categorical(logits, num_samples, seed, dtype="int64", name=None):
    """As `categorical`, the same numbers each time for the same `seed`."""
    return categorical(logits, num_samples, dtype, _fresh(seed))


def split(seed, num=2, alg="auto_select") -> Tensor:
    """`num` new seeds made of one, (num, 2), for the `stateless_*` functions."""
    seed = as_tensor(seed)
    limit = torch.iinfo(seed.dtype).max
    drawn = torch.randint(limit, (int(num), 2), generator=_fresh(seed), device=seed.device)
    return sealed(drawn.to(seed.dtype))


def fold_in(seed, data, alg="auto_select") -> Tensor:
    """A new seed made of one and a number."""
    seed = as_tensor(seed)
    return split(seed + torch.stack((torch.zeros_like(seed[0]), as_tensor(data).to(seed))), 1)[0]


class Generator:
    """A stream of random numbers of its own."""

    def __init__(self, generator: torch.Generator):
        self._generator = generator

    @classmethod
    def from_seed(cls, seed: int, alg: Any = None) -> "Generator":
        """A stream that is the same in every run."""
        return cls(torch.Generator(_config.default_device()).manual_seed(int(seed)))

    @classmethod
    def from_non_deterministic_state(cls, alg: Any = None) -> "Generator":
        """A stream that is another in every run."""
        generator = torch.Generator(_config.default_device())
        generator.seed()
        return cls(generator)

    def normal(self, shape, mean=0.0, stddev=1.0, dtype=float32, name=None) -> Tensor:
        """Numbers from a normal distribution."""
        return normal(shape, mean, stddev, dtype, self._generator)

    def truncated_normal(self, shape, mean=0.0, stddev=1.0, dtype=float32, name=None) -> Tensor:
        """Numbers from a normal distribution cut at two standard deviations."""
        return truncated_normal(shape, mean, stddev, dtype, self._generator)

    def uniform(self, shape, minval=0, maxval=None, dtype=float32, name=None) -> Tensor:
        """Numbers spread evenly from `minval` up to `maxval`."""
        return uniform(shape, minval, maxval, dtype, self._generator)

    def make_seeds(self, count: int = 1) -> Tensor:
        """Seeds for the stateless functions, (2, count)."""
        return uniform((2, count), 0, 2**31 - 1, "int64", self._generator)

    def split(self, count: int = 1) -> list["Generator"]:
        """Streams that go on independently."""
        return [Generator.from_seed(int(seed)) for seed in self.make_seeds(count)[0]]


_own: list[Generator] = []


def get_global_generator() -> Generator:
    """The stream that the program shares."""
    if not _own:
        _own.append(Generator.from_non_deterministic_state())
    return _own[0]


def set_global_generator(generator: Generator) -> None:
    """Makes another stream the one that the program shares."""
    _own[:] = [generator]


def dropout_mask(shape: Any, rate: float, seed: Any, like: Tensor) -> Tensor:
    """Ones where an element is kept, each with the chance `1 - rate`."""
    generator = _generator(seed, like.device)
    noise = torch.rand(tuple(shape), device=like.device, generator=generator)
    return sealed((noise >= rate).to(like.dtype))


__getattr__ = missing_from("tf.random")
