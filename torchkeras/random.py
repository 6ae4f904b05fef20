"""Random tensors, drawn from integer seeds and from `SeedGenerator`s.

On the CPU every function draws the numbers that Keras on torch draws for the same seed. Each call
gets a fresh `torch.Generator`; where there can be none (shape inference on meta, code that
`torch.compile` traces) torch's own generator takes its place and no seed is used up.
"""

import functools
import random as python_random
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from torchkeras import _dtypes, _naming, _symbolic, config
from torchkeras._errors import received
from torchkeras._op import op
from torchkeras._serialize import Configurable
from torchkeras._variable import Variable

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]

_UINT32 = 0xFFFFFFFF


class SeedGenerator(Configurable):
    """A source of seeds: each draw with it as `seed` gives other numbers.

    `state` is a variable of two integers, the seed and a counter. It stays on the CPU, so that
    drawing does not wait for a GPU.

    Args:
        seed: the integer to start from; None for a random one.
        name: prefix of the path of `state`.
        **kwargs: `backend`, accepted and kept.
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any):
        self.name = name if name is not None else _naming.auto_name("SeedGenerator")
        self.backend = kwargs.pop("backend", None) or config.backend()
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments: {kwargs}")
        self._initial_seed = seed
        if seed is None:
            seed = random_seed()
        if not isinstance(seed, int):
            raise ValueError(f"Argument `seed` must be an integer. Received: seed={seed}")
        with _naming.name_scope(self.name, caller=self):
            self.state = _cpu_variable([int(seed), 0], name="seed_generator_state")

    def next(self, ordered: bool = True) -> Tensor:
        """The current state, which then moves on: by one, or scrambled where not `ordered`."""
        state = self.state.value
        if _symbolic.running_on_meta():
            return torch.empty(2, dtype=torch.int64)
        drawn = state.detach().clone()
        first, second = drawn.tolist()
        if ordered:
            following = [first, second + 1]
        else:
            following = [_scramble(first), _scramble(second)]
        self.state.assign(torch.tensor(following))
        return drawn

    def get_config(self) -> dict[str, Any]:
        return {"seed": self._initial_seed, "name": self.name}


def _cpu_variable(values: list[int], name: str) -> Variable:
    previous = config.set_device_override("cpu")
    try:
        with _symbolic.for_real():
            return Variable(
                torch.tensor(values),
                dtype="int64",
                trainable=False,
                aggregation="none",
                name=name,
            )
    finally:
        config.set_device_override(previous)


def _scramble(number: int) -> int:
    """One step of the unordered sequence; Keras takes it in 32 bits, with overflow."""
    wrapped = ((number + 1) * 5387 + 2**31) % 2**32 - 2**31
    return wrapped % 933199


class _Global(threading.local):
    generator: SeedGenerator | None = None


_global = _Global()


def global_seed_generator() -> SeedGenerator:
    """The generator behind `seed=None`, made when first needed."""
    if _global.generator is None:
        _global.generator = SeedGenerator()
    return _global.generator


def set_global_seed(seed: int) -> None:
    """Seed Python, NumPy, torch and what is drawn with `seed=None`."""
    if not isinstance(seed, int):
        raise ValueError(
            "Expected `seed` argument to be an integer. "
            f"{received(seed=seed)} (of type {type(seed)})"
        )
    clear()
    python_random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def clear() -> None:
    """Forget the generator behind `seed=None`; the next one starts from Python's `random`."""
    _global.generator = None


def random_seed() -> int:
    """A seed for who was given None, drawn from Python's `random`."""
    return python_random.randint(1, int(1e9))


def _draw(seed: int | SeedGenerator | None) -> int:
    """The next number to seed a `torch.Generator` with."""
    if isinstance(seed, int):
        return seed & _UINT32
    if seed is None:
        state = global_seed_generator().next(ordered=False)
    elif isinstance(seed, SeedGenerator):
        state = seed.next()
    else:
        raise ValueError(
            "Argument `seed` must be either an integer or an instance of `SeedGenerator`. "
            f"{received(seed=seed)} (of type {type(seed)})"
        )
    first, second = state.tolist()
    return (first + second) & _UINT32


def _generator(seed: int | SeedGenerator | None, device: torch.device) -> torch.Generator | None:
    """A seeded generator on `device`; None where torch's own has to do."""
    if device.type == "meta" or torch.compiler.is_compiling() or _symbolic.running_on_meta():
        return None
    generator = torch.Generator(device)
    generator.manual_seed(_draw(seed))
    return generator


def _tensor(x: Any) -> Tensor:
    if isinstance(x, Tensor):
        return x
    device = config.default_device()
    tensor = torch.as_tensor(x, device=device)
    if isinstance(x, (np.ndarray, np.generic)):
        return tensor
    if tensor.is_floating_point():
        return torch.as_tensor(x, dtype=_dtypes.torch_dtype(None), device=device)
    return tensor.to(torch.int32)


def _is_number(x: Any) -> bool:
    return isinstance(x, (int, float))


def normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = None,
    seed: int | SeedGenerator | None = None,
) -> Tensor:
    """Numbers from a normal distribution."""
    device = config.default_device()
    return torch.normal(
        mean,
        stddev,
        size=tuple(shape),
        generator=_generator(seed, device),
        dtype=_dtypes.torch_dtype(dtype),
        device=device,
    )


def truncated_normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = None,
    seed: int | SeedGenerator | None = None,
) -> Tensor:
    """Numbers from a normal distribution, drawn again where more than two `stddev` from `mean`."""
    # Of four candidates the first good one counts; that none is good has a chance of 4e-6.
    candidates = normal((*shape, 4), dtype=dtype, seed=seed)
    good = (candidates > -2) & (candidates < 2)
    index = good.max(-1, keepdim=True).indices
    return candidates.gather(-1, index).squeeze(-1).mul_(stddev).add_(mean)


def uniform(
    shape: Sequence[int],
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: Any = None,
    seed: int | SeedGenerator | None = None,
) -> Tensor:
    """Numbers evenly spread from `minval`, included, to `maxval`, excluded."""
    if dtype is not None and not _dtypes.is_float(dtype):
        raise ValueError(
            f"`keras.random.uniform` requires a floating point `dtype`. {received(dtype=dtype)}"
        )
    device = config.default_device()
    numbers = torch.rand(
        tuple(shape),
        generator=_generator(seed, device),
        dtype=_dtypes.torch_dtype(dtype),
        device=device,
    )
    if _is_number(minval) and _is_number(maxval):
        return numbers.mul_(maxval - minval).add_(minval)
    return (maxval - minval) * numbers + minval


def randint(
    shape: Sequence[int],
    minval: int,
    maxval: int,
    dtype: Any = "int32",
    seed: int | SeedGenerator | None = None,
) -> Tensor:
    """Integers from `minval`, included, to `maxval`, excluded."""
    if dtype is not None and not _dtypes.is_int(dtype):
        raise ValueError(
            f"`keras.random.randint` requires an integer `dtype`. {received(dtype=dtype)}"
        )
    device = config.default_device()
    return torch.randint(
        int(minval),
        int(maxval),
        tuple(shape),
        generator=_generator(seed, device),
        dtype=_dtypes.torch_dtype(dtype),
        device=device,
    )


@op
def categorical(
    logits: Tensor,
    num_samples: int,
    dtype: Any = "int32",
    seed: int | SeedGenerator | None = None,
) -> Tensor:
    """Class indices, `num_samples` for each row of `logits` (batch, classes)."""
    logits = _tensor(logits)
    if logits.ndim != 2:
        raise ValueError(
            "`logits` should be a 2-D tensor with shape [batch_size, num_classes]. "
            + received(logits=logits)
        )
    if not logits.is_floating_point():
        logits = logits.to(_dtypes.torch_dtype(None))
    chosen = torch.multinomial(
        torch.softmax(logits, -1),
        num_samples,
        replacement=True,
        generator=_generator(seed, logits.device),
    )
    return chosen.to(_dtypes.torch_dtype(dtype))


@op
def dropout(
    inputs: Tensor,
    rate: float,
    noise_shape: Sequence[int | None] | None = None,
    seed: int | SeedGenerator | None = None,
) -> Tensor:
    """Zero a fraction `rate` of `inputs` and divide the others by `1 - rate`.

    Args:
        noise_shape: shape of the mask, which broadcasts; None: the shape, or size, of `inputs`.
        seed: without a number in it (None, `SeedGenerator()`) torch's own generator decides, which
            is faster.
    """
    inputs = _tensor(inputs)
    if rate == 0:
        return inputs
    if rate == 1:
        return torch.zeros_like(inputs)
    unseeded = seed is None or (isinstance(seed, SeedGenerator) and seed._initial_seed is None)
    if unseeded and noise_shape is None and inputs.is_floating_point():
        return quick_dropout(inputs, rate)
    shape = inputs.shape
    if noise_shape is not None:
        shape = [
            size if wanted is None else wanted
            for size, wanted in zip(inputs.shape, noise_shape, strict=True)
        ]
    keep, device = 1.0 - rate, inputs.device
    generator = _generator(seed, device)
    if device.type == "cpu":
        # What `bernoulli` does with the chance for each element, in a third of the time.
        kept = torch.rand(shape, generator=generator, device=device) < keep
    else:
        kept = torch.bernoulli(torch.full(shape, keep, device=device), generator=generator).bool()
    return torch.where(kept, inputs / keep, 0.0)


def quick_dropout(x: Tensor, rate: float) -> Tensor:
    """torch's dropout of a tensor in floating point, with its draws."""
    is_drawn = x.is_cpu and 0 < rate < 1 and not torch.compiler.is_compiling()
    if not is_drawn or not _is_chance_compared():
        return F.dropout(x, rate, True)
    keep = 1.0 - rate
    drawn = torch.empty_like(x, dtype=torch.float64, requires_grad=False).uniform_()
    return x * (drawn < keep).to(x.dtype).div_(keep)


@functools.cache
def _is_chance_compared() -> bool:
    """Whether `bernoulli_` compares numbers that `uniform_` draws with the chance, as it does where
    MKL does not draw for it (all processors but Intel's): to do so at once takes half its time.
    """
    one, other = (torch.Generator().manual_seed(0) for _ in range(2))
    drawn = torch.empty(64).bernoulli_(0.3, generator=one)
    numbers = torch.empty(64, dtype=torch.float64).uniform_(generator=other)
    return torch.equal(drawn == 1, numbers < 0.3)


@op
def shuffle(x: Tensor, axis: int = 0, seed: int | SeedGenerator | None = None) -> Tensor:
    """Shuffle along `axis`, in another order for each index of the axes before it."""
    x = _tensor(x)
    axis = axis % x.ndim
    order = torch.rand(
        x.shape[: axis + 1], generator=_generator(seed, x.device), device=x.device
    ).argsort(axis)
    order = order.reshape(order.shape + (1,) * (x.ndim - axis - 1))
    return x.gather(axis, order.expand(x.shape))


def _drawn(
    kernel: Callable[..., Tensor],
    shape: Sequence[int],
    parameters: tuple[Any, ...],
    dtype: Any,
    seed: int | SeedGenerator | None,
) -> Tensor:
    """`kernel` on the parameters, broadcast to `shape`; they are real numbers of 32 or 64 bits."""
    tensors = []
    for value in parameters:
        value = _tensor(value)
        if value.dtype is not torch.float64:
            value = value.to(torch.float32)
        tensors.append(value.expand(tuple(shape)))
    dtype = _dtypes.torch_dtype(dtype)
    device = tensors[0].device
    if device.type == "meta" or _symbolic.running_on_meta():
        return torch.empty(tuple(shape), dtype=dtype, device=device)
    return kernel(*tensors, generator=_generator(seed, device)).to(dtype)


def _gamma_kernel(alpha: Tensor, generator: torch.Generator | None) -> Tensor:
    # A zero would have an infinite logarithm: the smallest number stands for it.
    numbers = torch._standard_gamma(alpha, generator=generator)
    return numbers.clamp_(min=torch.finfo(numbers.dtype).tiny)


def _beta_kernel(alpha: Tensor, beta: Tensor, generator: torch.Generator | None) -> Tensor:
    pairs = torch._sample_dirichlet(torch.stack([alpha, beta], -1), generator=generator)
    return pairs.select(-1, 0)


@op
def gamma(
    shape: Sequence[int],
    alpha: Tensor,
    dtype: Any = None,
    seed: int | SeedGenerator | None = None,
) -> Tensor:
    """Numbers from gamma distributions of shape parameter `alpha` and scale 1."""
    return _drawn(_gamma_kernel, shape, (alpha,), dtype, seed)


@op
def binomial(
    shape: Sequence[int],
    counts: Tensor,
    probabilities: Tensor,
    dtype: Any = None,
    seed: int | SeedGenerator | None = None,
) -> Tensor:
    """How many of `counts` trials succeed, each with a chance of `probabilities`."""
    return _drawn(torch.binomial, shape, (counts, probabilities), dtype, seed)


@op
def beta(
    shape: Sequence[int],
    alpha: Tensor,
    beta: Tensor,
    dtype: Any = None,
    seed: int | SeedGenerator | None = None,
) -> Tensor:
    """Numbers from beta distributions, within 0 and 1."""
    return _drawn(_beta_kernel, shape, (alpha, beta), dtype, seed)
