"""`tf.random`: random tensors from torch's generators."""

import torch
from torch import Tensor

from torchkeras import config as _config
from torchkeras import random as _random
from torchkeras.tf._convert import as_dtype, as_shape, convert_to_tensor
from torchkeras.tf._missing import missing_from

__all__ = ["categorical", "normal", "set_seed", "shuffle", "truncated_normal", "uniform"]

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


def _generator(seed: int | None, device: torch.device) -> torch.Generator | None:
    """None for the global stream, else the stream of this `seed=` under the global seed."""
    if seed is None:
        return None
    if (seed, device) not in _streams:
        mixed = (_global_seed * 1_000_003 + int(seed)) % 2**63
        _streams[seed, device] = torch.Generator(device).manual_seed(mixed)
    return _streams[seed, device]


def normal(shape, mean=0.0, stddev=1.0, dtype=torch.float32, seed=None, name=None) -> Tensor:
    """Numbers from a normal distribution."""
    device = _config.default_device()
    noise = torch.randn(
        as_shape(shape), dtype=as_dtype(dtype), device=device, generator=_generator(seed, device)
    )
    return noise * stddev + mean


def truncated_normal(
    shape, mean=0.0, stddev=1.0, dtype=torch.float32, seed=None, name=None
) -> Tensor:
    """Numbers from a normal distribution cut at two standard deviations."""
    device = _config.default_device()
    noise = torch.empty(as_shape(shape), dtype=as_dtype(dtype), device=device)
    torch.nn.init.trunc_normal_(noise, a=-_LIMIT, b=_LIMIT, generator=_generator(seed, device))
    return noise * stddev + mean


def uniform(shape, minval=0, maxval=None, dtype=torch.float32, seed=None, name=None) -> Tensor:
    """Numbers spread evenly from `minval` up to `maxval`, which is left out.

    Raises:
        ValueError: an integer dtype without `maxval`.
    """
    device, dtype = _config.default_device(), as_dtype(dtype)
    generator = _generator(seed, device)
    if dtype.is_floating_point:
        noise = torch.rand(as_shape(shape), dtype=dtype, device=device, generator=generator)
        return noise * ((1 if maxval is None else maxval) - minval) + minval
    if maxval is None:
        raise ValueError(f"Must specify maxval for integer dtype {dtype}. Received: maxval=None")
    return torch.randint(
        int(minval), int(maxval), as_shape(shape), dtype=dtype, device=device, generator=generator
    )


def shuffle(value, seed=None, name=None) -> Tensor:
    """The rows of `value` in a random order."""
    x = convert_to_tensor(value)
    order = torch.randperm(len(x), device=x.device, generator=_generator(seed, x.device))
    return x[order]


def categorical(logits, num_samples, dtype=torch.int64, seed=None, name=None) -> Tensor:
    """`num_samples` class indices for each row of unnormalized log-probabilities."""
    chances = torch.softmax(convert_to_tensor(logits), -1)
    generator = _generator(seed, chances.device)
    drawn = torch.multinomial(chances, num_samples, replacement=True, generator=generator)
    return drawn.to(as_dtype(dtype))


__getattr__ = missing_from("tf.random")
