"""`tf.random`: random tensors from torch's generators."""

import math
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from torchkeras import config as _config
from torchkeras import random as _random
from torchkeras.tf._convert import as_shape, as_tensor
from torchkeras.tf._missing import missing_from
from torchkeras.tf._strings import structural
from torchkeras.tf._tensor import facade, sealed
from torchkeras.tf.dtypes import float32, torch_dtype
from torchkeras.tf.errors import InvalidArgumentError

__all__ = [
    "Algorithm",
    "Generator",
    "all_candidate_sampler",
    "categorical",
    "experimental",
    "fixed_unigram_candidate_sampler",
    "fold_in",
    "gamma",
    "get_global_generator",
    "learned_unigram_candidate_sampler",
    "log_uniform_candidate_sampler",
    "normal",
    "poisson",
    "set_global_generator",
    "set_seed",
    "shuffle",
    "split",
    "stateless_binomial",
    "stateless_categorical",
    "stateless_gamma",
    "stateless_normal",
    "stateless_parameterized_truncated_normal",
    "stateless_poisson",
    "stateless_truncated_normal",
    "stateless_uniform",
    "truncated_normal",
    "uniform",
    "uniform_candidate_sampler",
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


class Algorithm:
    """How numbers are made in TensorFlow; torch has its own way."""

    PHILOX, THREEFRY, AUTO_SELECT = 1, 2, 3


def stateless_gamma(shape, seed, alpha, beta=None, dtype=float32, name=None):
    """As `gamma` of the whole shape, the same numbers each time for the same `seed`."""
    alpha = as_tensor(alpha, dtype_hint=dtype).to(torch_dtype(dtype))
    drawn = torch._standard_gamma(alpha.expand(as_shape(shape)).contiguous(), _fresh(seed))
    return sealed(drawn if beta is None else drawn / as_tensor(beta).to(drawn.dtype))


def stateless_poisson(shape, seed, lam, dtype="int32", name=None):
    """As `poisson` of the whole shape, the same numbers each time for the same `seed`."""
    lam = as_tensor(lam)
    rates = (lam if lam.is_floating_point() else lam.float()).expand(as_shape(shape))
    return sealed(torch.poisson(rates, _fresh(seed)).to(torch_dtype(dtype)))


def stateless_binomial(shape, seed, counts, probs, output_dtype="int32", name=None):
    """How many of `counts` throws succeed, the same numbers each time for the same `seed`."""
    shape, probs = as_shape(shape), as_tensor(probs)
    counts = as_tensor(counts).to(probs.dtype).expand(shape).contiguous()
    drawn = torch.binomial(counts, probs.expand(shape).contiguous(), _fresh(seed))
    return sealed(drawn.to(torch_dtype(output_dtype)))


def stateless_parameterized_truncated_normal(
    shape, seed, means=0.0, stddevs=1.0, minvals=-2.0, maxvals=2.0, name=None
):
    """Normal numbers between bounds, the same each time for the same `seed`."""
    mean, deviation, low, high = (
        torch.as_tensor(x, dtype=torch.float32, device=_config.default_device()).expand(
            as_shape(shape)
        )
        for x in (means, stddevs, minvals, maxvals)
    )
    below, above = (torch.special.ndtr((bound - mean) / deviation) for bound in (low, high))
    share = torch.rand(mean.shape, generator=_fresh(seed), device=mean.device)
    drawn = torch.special.ndtri(below + share * (above - below)) * deviation + mean
    return sealed(torch.clamp(drawn, low, high))


def stateless_shuffle(value, seed, alg="auto_select", name=None):
    """As `shuffle`, the same order each time for the same `seed`."""
    return shuffle(value, _fresh(seed))


# ---- candidates: classes drawn to be compared with the true ones


class Candidates(NamedTuple):
    """Drawn classes, and how often the true classes and these are expected to be drawn."""

    sampled_candidates: Tensor
    true_expected_count: Tensor
    sampled_expected_count: Tensor


def _candidates(true_classes, count: int, unique: bool, chances: Tensor, seed: Any) -> Candidates:
    """`count` classes drawn with the given chances; without return where `unique`."""
    true_classes = as_tensor(true_classes).long()
    generator = _generator(seed, chances.device)
    drawn = torch.multinomial(chances, int(count), not unique, generator=generator)
    tries = torch.tensor(float(count), dtype=torch.float64, device=chances.device)
    if unique:
        tries = _tries(chances, drawn, generator)

    def expected(classes):
        share = chances[classes]
        often = -torch.expm1(tries * torch.log1p(-share)) if unique else share * tries
        return sealed(often.float())

    return Candidates(sealed(drawn), expected(true_classes), expected(drawn))


def _tries(chances: Tensor, drawn: Tensor, generator: torch.Generator | None) -> Tensor:
    """How many draws with return it takes to see so many classes: after `k` of them, each next
    draw is a new one with the chance that is left."""
    left = 1 - torch.cumsum(chances[drawn], 0)
    left = torch.cat((torch.ones_like(left[:1]), left[:-1])).clamp(min=1e-12)
    share = torch.rand(left.shape, dtype=left.dtype, device=left.device, generator=generator)
    draws = torch.ceil(torch.log(share.clamp(min=1e-12)) / torch.log1p(-left.clamp(max=1 - 1e-12)))
    return draws.clamp(min=1).sum()


def uniform_candidate_sampler(
    true_classes, num_true, num_sampled, unique, range_max, seed=None, name=None
) -> Candidates:
    """Classes below `range_max`, all equally likely."""
    device = _config.default_device()
    chances = torch.full((int(range_max),), 1 / int(range_max), dtype=torch.float64, device=device)
    return _candidates(true_classes, num_sampled, unique, chances, seed)


def log_uniform_candidate_sampler(
    true_classes, num_true, num_sampled, unique, range_max, seed=None, name=None
) -> Candidates:
    """Classes below `range_max`, lower numbers more likely, as of words by rank."""
    device = _config.default_device()
    places = torch.arange(int(range_max) + 1, dtype=torch.float64, device=device)
    chances = torch.diff(torch.log1p(places)) / math.log(int(range_max) + 1)
    return _candidates(true_classes, num_sampled, unique, chances, seed)


learned_unigram_candidate_sampler = uniform_candidate_sampler


def fixed_unigram_candidate_sampler(
    true_classes,
    num_true,
    num_sampled,
    unique,
    range_max,
    vocab_file="",
    distortion=1.0,
    num_reserved_ids=0,
    num_shards=1,
    shard=0,
    unigrams=(),
    seed=None,
    name=None,
) -> Candidates:
    """Classes as likely as `unigrams`, or the last column of a file, say, to a power.

    Of several shards one is drawn from: every `num_shards`-th class from `shard` on.

    Raises:
        InvalidArgumentError: the classes are not as many as `range_max`.
    """
    if vocab_file:
        with open(vocab_file, encoding="utf-8") as file:
            unigrams = [float(line.rsplit(",", 1)[-1]) for line in file if line.strip()]
    reserved = [0.0] * len(range(shard, num_reserved_ids, num_shards))
    # TensorFlow counts on from the reserved classes of the shard, not from all.
    first = (shard - len(reserved)) % num_shards
    counts = [float(count) ** distortion for count in unigrams[first::num_shards]]
    if len(reserved + counts) != range_max:
        raise InvalidArgumentError(
            f"range is {range_max} must be equal to weights size {len(reserved + counts)}"
        )
    chances = torch.tensor(reserved + counts, dtype=torch.float64, device=_config.default_device())
    return _candidates(true_classes, num_sampled, unique, chances / chances.sum(), seed)


def all_candidate_sampler(true_classes, num_true, num_sampled, unique, seed=None, name=None):
    """All classes below `num_sampled`."""
    true_classes = as_tensor(true_classes)
    every = torch.arange(int(num_sampled), device=true_classes.device)
    ones = torch.ones(int(num_sampled), device=true_classes.device)
    return Candidates(
        sealed(every), sealed(torch.ones_like(true_classes, dtype=torch.float32)), sealed(ones)
    )


# What lies in `tf.random.experimental`.
experimental = SimpleNamespace(
    Algorithm=Algorithm,
    Generator=Generator,
    get_global_generator=get_global_generator,
    set_global_generator=set_global_generator,
    stateless_fold_in=fold_in,
    stateless_shuffle=stateless_shuffle,
    stateless_split=split,
)


__getattr__ = missing_from("tf.random")
