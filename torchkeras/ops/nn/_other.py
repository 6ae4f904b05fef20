"""Encodings, normalizations, attention, crossentropies, CTC, image blocks and polar numbers."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from torchkeras import _dtypes, config
from torchkeras._errors import received, warn
from torchkeras._op import op
from torchkeras.ops._core import as_tensor, as_tensors, axes_of, on_meta, promoted, to_float

__all__ = [
    "batch_normalization",
    "binary_crossentropy",
    "categorical_crossentropy",
    "ctc_decode",
    "ctc_loss",
    "depth_to_space",
    "dot_product_attention",
    "fold",
    "layer_normalization",
    "moments",
    "multi_hot",
    "normalize",
    "one_hot",
    "polar",
    "psnr",
    "rms_normalization",
    "space_to_depth",
    "sparse_categorical_crossentropy",
    "unfold",
]


# ------------------------------------------------------------------ encodings
def one_hot(x: Tensor, num_classes, axis=-1, dtype=None, sparse=False) -> Tensor:
    """A 1 at each index in a new axis of size `num_classes`; negative indices get none."""
    return _one_hot(x, num_classes, axis, dtype or config.floatx(), sparse)


@op(name="OneHot")
def _one_hot(x: Tensor, num_classes, axis, dtype, sparse) -> Tensor:
    if sparse:
        raise ValueError("Unsupported value `sparse=True` with torch backend")
    x = as_tensor(x).long()
    if x.numel() and not on_meta(x) and not x.is_cuda and int(x.max()) >= num_classes:
        raise RuntimeError(
            "Class values must be smaller than num_classes. "
            + received(num_classes=num_classes, x=int(x.max()))
        )
    classes = torch.arange(num_classes, device=x.device)
    hot = (x.unsqueeze(-1) == classes).to(_dtypes.torch_dtype(dtype))
    return hot if axis == -1 else hot.movedim(-1, axis)


def multi_hot(
    inputs: Tensor, num_classes=None, axis=-1, dtype=None, sparse=False, **kwargs
) -> Tensor:
    """A 1 at every index that a row holds; `num_tokens` is the old name of `num_classes`."""
    num_classes = kwargs.pop("num_tokens", None) if num_classes is None else num_classes
    if num_classes is None:
        raise ValueError("Argument `num_classes` must be specified.")
    return _multi_hot(inputs, num_classes, axis, dtype, sparse)


@op(name="MultiHot")
def _multi_hot(inputs: Tensor, num_classes, axis, dtype, sparse) -> Tensor:
    inputs = as_tensor(inputs)
    hot = one_hot(inputs, num_classes, axis, dtype, sparse)
    return torch.amax(hot, 1 if inputs.ndim > 1 else 0)


# ------------------------------------------------------------------ normalizations
@op
def moments(x: Tensor, axes, keepdims=False, synchronized=False) -> tuple[Tensor, Tensor]:
    """Mean and variance over axes; of float16, computed in float32 and cut off to its range."""
    if synchronized:
        raise NotImplementedError("Argument synchronized=True is not supported with PyTorch.")
    x = to_float(x)
    half = x.dtype is torch.float16
    axes = tuple(axes) if isinstance(axes, list) else axes
    variance, mean = torch.var_mean(x.float() if half else x, axes, correction=0, keepdim=keepdims)
    if half:
        bound = torch.finfo(torch.float16).max
        mean, variance = (v.clamp(-bound, bound).to(x.dtype) for v in (mean, variance))
    return mean, variance


@op(name="BatchNorm")
def batch_normalization(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    axis,
    offset: Tensor = None,
    scale: Tensor = None,
    epsilon=1e-3,
) -> Tensor:
    """`(x - mean) / sqrt(variance + epsilon) * scale + offset`, all of them along `axis`."""
    x, mean, variance = as_tensors(x, mean, variance)
    shape = [1] * x.ndim
    shape[axis] = -1
    factor = torch.rsqrt(variance + epsilon)
    if scale is not None:
        factor = factor * as_tensor(scale, device=x.device)
    y = (x - mean.view(shape)) * factor.view(shape)
    return y if offset is None else y + as_tensor(offset, device=x.device).view(shape)


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _are_last(axes: tuple[int, ...], ndim: int) -> bool:
    return axes == tuple(range(ndim - len(axes), ndim))


def layer_normalization(
    x: Tensor, gamma: Tensor = None, beta: Tensor = None, axis=-1, epsilon=None, **kwargs
) -> Tensor:
    """Mean 0 and variance 1 over axes, times `gamma` plus `beta`; in float32 at least."""
    rms_scaling = kwargs.pop("rms_scaling", False)
    if rms_scaling:
        warn(
            "You passed `rms_scaling=True`, which is deprecated: it scales by the variance. "
            "Use `keras.ops.rms_normalization` instead."
        )
    return _layer_normalization(x, gamma, beta, axis, epsilon, rms_scaling)


@op(name="LayerNorm")
def _layer_normalization(
    x: Tensor, gamma: Tensor, beta: Tensor, axis, epsilon, rms_scaling
) -> Tensor:
    x = as_tensor(x)
    epsilon = config.epsilon() if epsilon is None else epsilon
    wide = _wide(x)
    axes = tuple(sorted(axes_of(axis, x.ndim)))
    sizes = [x.shape[a] for a in axes]
    gamma, beta = (None if v is None else as_tensor(v, wide.dtype, x.device) for v in (gamma, beta))
    plain = all(v is None or list(v.shape) == sizes for v in (gamma, beta))
    if not rms_scaling and plain and _are_last(axes, x.ndim):
        return F.layer_norm(wide, sizes, gamma, beta, epsilon).to(x.dtype)
    shape = [n if a in axes else 1 for a, n in enumerate(x.shape)]
    gamma, beta = (v if v is None or v.ndim == x.ndim else v.reshape(shape) for v in (gamma, beta))
    variance, mean = torch.var_mean(wide, axes, correction=0, keepdim=True)
    if rms_scaling:
        mean, beta = torch.zeros_like(mean), None
    y = (wide - mean) * torch.rsqrt(variance + epsilon)
    y = y if gamma is None else y * gamma
    return (y if beta is None else y + beta).to(x.dtype)


@op(name="RMSNorm")
def rms_normalization(x: Tensor, scale: Tensor = None, axis=-1, epsilon=None) -> Tensor:
    """`x` over the root of its mean square along axes, times `scale`; in float32 at least."""
    x = as_tensor(x)
    epsilon = config.epsilon() if epsilon is None else epsilon
    wide = _wide(x)
    wide = wide if x.ndim else wide.view(1)
    axes = tuple(sorted(axes_of(axis, wide.ndim)))
    sizes = [wide.shape[a] for a in axes]
    scale = None if scale is None else as_tensor(scale, wide.dtype, x.device)
    if _are_last(axes, wide.ndim) and (scale is None or list(scale.shape) == sizes):
        return F.rms_norm(wide, sizes, scale, epsilon).to(x.dtype)
    y = wide * torch.rsqrt(wide.square().mean(axes, keepdim=True) + epsilon)
    return (y if scale is None else y * scale).to(x.dtype)


@op
def normalize(x: Tensor, axis=-1, order=2, epsilon=None) -> Tensor:
    """`x` over its norm of that order along axes, the norm not below `epsilon`."""
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"Argument `order` must be an int >= 1. Received: order={order}")
    x = as_tensor(x)
    x = x if x.ndim else x.view(1)
    epsilon = config.epsilon() if epsilon is None else epsilon
    x = to_float(x)
    if order == 2:
        squares = _wide(x).square().sum(axes_of(axis, x.ndim), keepdim=True)
        # The bound stands under the root, where it keeps the gradient of zeros finite:
        # https://github.com/keras-team/keras/issues/23093
        return (x * torch.rsqrt(squares.clamp_min(epsilon**2))).to(x.dtype)
    norm = torch.linalg.norm(x, order, axis, keepdim=True)
    return x / norm.clamp_min(epsilon)


# ------------------------------------------------------------------ attention
@op
def dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor = None,
    mask: Tensor = None,
    scale: Tensor = None,
    is_causal=False,
    flash_attention=None,
    attn_logits_soft_cap=None,
) -> Tensor:
    """Attention of tensors of shape (B, T, heads, size); `key` and `value` may have fewer heads.

    Args:
        bias: added to the logits.
        mask: True where a key is seen; not together with `bias`.
        scale: factor of the logits; None for `1 / sqrt(size)`.
        flash_attention: True to refuse any other kernel; otherwise torch chooses.
        attn_logits_soft_cap: not used, as in Keras on torch.
    """
    query, key, value = (to_float(x) for x in promoted(query, key, value))
    if not query.ndim == key.ndim == value.ndim == 4:
        raise ValueError(
            "`dot_product_attention` only supports 4D inputs. "
            f"Received: query.shape={tuple(query.shape)}, key.shape={tuple(key.shape)}, "
            f"value.shape={tuple(value.shape)}."
        )
    if bias is not None and mask is not None:
        raise ValueError("Only one of `bias` and `mask` can be provided. Received both.")
    if mask is not None:
        bias = _as_bias(as_tensor(mask, device=query.device).bool(), query, key, is_causal)
        is_causal = False
    elif bias is not None:
        bias = as_tensor(bias, query.dtype, query.device)
    query, key, value = (x.transpose(1, 2) for x in (query, key, value))
    if query.shape[1] > key.shape[1] > 1:
        groups = query.shape[1] // key.shape[1]
        key, value = (x.repeat_interleave(groups, dim=1) for x in (key, value))
    if flash_attention:
        _check_flash(query, key, value, bias, is_causal)
    y = F.scaled_dot_product_attention(
        query, key, value, attn_mask=bias, is_causal=is_causal, scale=scale
    )
    return y.transpose(1, 2)


def _as_bias(mask: Tensor, query: Tensor, key: Tensor, is_causal: bool) -> Tensor:
    if is_causal:
        size = (query.shape[1], key.shape[1])
        mask = mask & torch.ones(size, dtype=torch.bool, device=mask.device).tril()
    # Finite, so that a row without any key gives a mean and no NaN.
    low = torch.finfo(query.dtype).min * 0.7
    return torch.zeros(mask.shape, dtype=query.dtype, device=mask.device).masked_fill(~mask, low)


def _check_flash(query, key, value, bias, is_causal):
    params = torch.backends.cuda.SDPAParams(query, key, value, bias, 0.0, is_causal, False)
    if not query.is_meta and not torch.backends.cuda.can_use_flash_attention(params, False):
        raise RuntimeError(
            "Flash attention is not supported with the provided inputs. "
            + received(device=str(query.device), dtype=query.dtype, flash_attention=True)
        )


# ------------------------------------------------------------------ crossentropies
def _check_same_shape(target: Tensor, output: Tensor):
    if target.shape != output.shape:
        raise ValueError(
            "Arguments `target` and `output` must have the same shape. Received: "
            f"target.shape={tuple(target.shape)}, output.shape={tuple(output.shape)}"
        )


def _log_of_probabilities(output: Tensor, axis: int) -> Tensor:
    epsilon = config.epsilon()
    output = output / output.sum(axis, keepdim=True)
    return output.clamp(epsilon, 1 - epsilon).log()


@op
def categorical_crossentropy(target: Tensor, output: Tensor, from_logits=False, axis=-1) -> Tensor:
    """Crossentropy of the probabilities `target` and `output` along `axis`."""
    target, output = as_tensors(target, output)
    _check_same_shape(target, output)
    if target.ndim < 1:
        raise ValueError(
            "Arguments `target` and `output` must be at least rank 1. Received: "
            f"target.shape={tuple(target.shape)}, output.shape={tuple(output.shape)}"
        )
    log = torch.log_softmax(output, axis) if from_logits else _log_of_probabilities(output, axis)
    return -torch.sum(target * log, axis)


@op
def sparse_categorical_crossentropy(
    target: Tensor, output: Tensor, from_logits=False, axis=-1
) -> Tensor:
    """Crossentropy of the classes `target` and the probabilities `output` along `axis`."""
    target, output = as_tensors(target, output)
    if output.ndim < 1:
        raise ValueError(
            "Argument `output` must be at least rank 1. "
            f"Received: output.shape={tuple(output.shape)}"
        )
    if target.ndim == output.ndim and target.shape[axis] == 1:
        target = target.squeeze(axis)
    log = torch.log_softmax(output, axis) if from_logits else _log_of_probabilities(output, axis)
    log = log.movedim(axis, -1)
    if target.shape != log.shape[:-1]:
        raise ValueError(
            "Arguments `target` and `output` must have the same shape up until the last dimension: "
            f"target.shape={tuple(target.shape)}, output.shape={tuple(output.shape)}"
        )
    flat = F.nll_loss(log.reshape(-1, log.shape[-1]), target.long().reshape(-1), reduction="none")
    return flat.reshape(target.shape)


@op
def binary_crossentropy(target: Tensor, output: Tensor, from_logits=False) -> Tensor:
    """Crossentropy of each probability of `target` and the one of `output`."""
    target, output = as_tensors(target, output)
    _check_same_shape(target, output)
    if from_logits:
        target = target if target.is_floating_point() else target.to(output.dtype)
        return F.binary_cross_entropy_with_logits(output, target, reduction="none")
    output = output.clamp(config.epsilon(), 1 - config.epsilon())
    return F.binary_cross_entropy(output, target.to(output.dtype), reduction="none")


# ------------------------------------------------------------------ CTC
@op(name="CTCLoss")
def ctc_loss(
    target: Tensor, output: Tensor, target_length: Tensor, output_length: Tensor, mask_index=0
) -> Tensor:
    """CTC loss of classes (B, L) and logits (B, T, classes); `mask_index` is the blank."""
    target, output, target_length, output_length = as_tensors(
        target, output, target_length, output_length
    )
    if on_meta(output):
        return _wide(output)[:, 0, 0]
    logs = torch.log_softmax(_wide(output).transpose(0, 1), -1)
    return F.ctc_loss(
        logs, target, output_length, target_length, blank=mask_index, reduction="none"
    )


@op(name="CTCDecode")
def ctc_decode(
    inputs: Tensor,
    sequence_lengths: Tensor,
    strategy="greedy",
    beam_width=100,
    top_paths=1,
    merge_repeated=True,
    mask_index=0,
) -> tuple[Tensor, Tensor]:
    """The likeliest classes (paths, B, T), filled up with -1, and their scores (B, paths).

    Args:
        inputs: logits (B, T, classes).
        strategy: "greedy" (scores: minus the sum of the greatest logits) or "beam_search" (log
            probabilities).
        mask_index: the blank; None for the last class.
    """
    inputs, lengths = as_tensors(inputs, sequence_lengths)
    inputs = _wide(inputs)
    blank = inputs.shape[-1] - 1 if mask_index is None else mask_index
    if strategy == "greedy":
        return _greedy(inputs, lengths, merge_repeated, blank)
    if strategy != "beam_search":
        raise ValueError(
            f"Invalid strategy {strategy}. Supported values are 'greedy' and 'beam_search'. "
            + received(strategy=strategy)
        )
    batch, steps, _ = inputs.shape
    if on_meta(inputs):
        paths = torch.empty((top_paths, batch, steps), dtype=torch.int32, device=inputs.device)
        return paths, inputs.new_empty((batch, top_paths))
    logs = torch.log_softmax(inputs, -1).detach().cpu().double().numpy()
    found = [
        _beam_search(log, int(n), beam_width, top_paths, blank)
        for log, n in zip(logs, lengths.tolist(), strict=True)
    ]
    paths = np.full((top_paths, batch, steps), -1, np.int32)
    scores = np.full((batch, top_paths), -np.inf)
    for b, beams in enumerate(found):
        for i, (path, score) in enumerate(beams):
            paths[i, b, : len(path)] = path
            scores[b, i] = score
    return (
        torch.as_tensor(paths, device=inputs.device),
        torch.as_tensor(scores, dtype=inputs.dtype, device=inputs.device),
    )


def _greedy(inputs: Tensor, lengths: Tensor, merge_repeated: bool, blank: int):
    best, classes = inputs.max(-1)
    steps = torch.arange(inputs.shape[1], device=inputs.device)
    beyond = steps >= lengths.unsqueeze(1)
    classes = torch.where(beyond, blank, classes)
    dropped = classes == blank
    if merge_repeated:
        repeated = classes[:, 1:] == classes[:, :-1]
        dropped = dropped | F.pad(repeated, (1, 0))
    # Kept classes move to the front.
    order = dropped.long().argsort(dim=1, stable=True)
    kept = torch.where(dropped, -1, classes).gather(1, order).to(torch.int32)
    scores = -torch.where(beyond, 0.0, best).sum(1, keepdim=True)
    return kept.unsqueeze(0), scores


def _beam_search(log: np.ndarray, length: int, width: int, top: int, blank: int):
    """The `top` best (path, score) of one row (T, classes); the first step counts in any case.

    A beam is a path with two scores: `emit`, of the ways to it that end in its last class, and
    `rest`, of those that end in a blank.
    """
    count = log.shape[1]
    firsts = np.argsort(log[0][::-1], kind="stable")[::-1][:width]
    firsts = count - 1 - firsts
    paths = [() if c == blank else (int(c),) for c in firsts]
    emit = np.array([-np.inf if c == blank else log[0, c] for c in firsts])
    rest = np.array([log[0, c] if c == blank else -np.inf for c in firsts])
    for x in log[1:length]:
        both = np.logaddexp(emit, rest)
        longer = both[:, None] + x
        longer[:, blank] = -np.inf
        stay = np.full(len(paths), -np.inf)
        row = {path: i for i, path in enumerate(paths)}
        for i, path in enumerate(paths):
            if path:
                # A class follows itself only after a blank; without one it is the same class.
                longer[i, path[-1]] = rest[i] + x[path[-1]]
                stay[i] = emit[i] + x[path[-1]]
        for i, path in enumerate(paths):
            parent = row.get(path[:-1]) if path else None
            if parent is not None:
                stay[i] = np.logaddexp(stay[i], longer[parent, path[-1]])
                longer[parent, path[-1]] = -np.inf
        blanks = both + x[blank]
        total = np.concatenate([np.logaddexp(stay, blanks), longer.ravel()])
        best = np.argsort(-total, kind="stable")[:width]
        best = best[total[best] > -np.inf]
        own = len(paths)
        emit = np.concatenate([stay, longer.ravel()])[best]
        rest = np.concatenate([blanks, np.full(longer.size, -np.inf)])[best]
        paths = [
            paths[k] if k < own else (*paths[(k - own) // count], (k - own) % count)
            for k in best.tolist()
        ]
    total = np.logaddexp(emit, rest)
    return [(paths[i], total[i]) for i in np.argsort(-total, kind="stable")[:top]]


# ------------------------------------------------------------------ images
@op(name="PSNR")
def psnr(x1: Tensor, x2: Tensor, max_val) -> Tensor:
    """Peak signal-to-noise ratio of two images in decibels; `max_val` is the largest value."""
    x1, x2 = as_tensors(x1, x2)
    if x1.shape != x2.shape:
        raise ValueError(
            f"Input shapes {tuple(x1.shape)} and {tuple(x2.shape)} must match for PSNR calculation."
        )
    peak = as_tensor(max_val, x1.dtype, x1.device)
    return 20 * torch.log10(peak) - 10 * torch.log10(torch.mean((x1 - x2).square()))


@op
def unfold(x: Tensor, kernel_size, dilation=1, padding=0, stride=1) -> Tensor:
    """The blocks of an image (B, C, H, W) as columns: (B, C * block size, blocks)."""
    return F.unfold(as_tensor(x), kernel_size, dilation, padding, stride)


@op
def fold(x: Tensor, output_size, kernel_size, dilation=1, padding=0, stride=1) -> Tensor:
    """The image of which `x` holds the blocks as columns, overlaps added."""
    return F.fold(as_tensor(x), output_size, kernel_size, dilation, padding, stride)


def _blocks(name: str, x, block_size: int, data_format: str) -> Tensor:
    x = as_tensor(x)
    if x.ndim != 4:
        raise ValueError(f"`{name}` expects a 4D tensor. Received: x.shape={tuple(x.shape)}")
    if not isinstance(block_size, int) or block_size < 2:
        raise ValueError(
            f"`block_size` must be an integer of at least 2. Received: block_size={block_size}"
        )
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(
            "`data_format` must be 'channels_last' or 'channels_first'. "
            + received(data_format=data_format)
        )
    return x


@op
def depth_to_space(x: Tensor, block_size, data_format="channels_last") -> Tensor:
    """Channels in groups of `block_size**2` become blocks of points."""
    x, n = _blocks("depth_to_space", x, block_size, data_format), block_size
    last = data_format == "channels_last"
    if last:
        x = x.unflatten(3, (n, n, -1)).permute(0, 1, 3, 2, 4, 5)
        return x.flatten(1, 2).flatten(2, 3)
    return x.unflatten(1, (-1, n, n)).permute(0, 1, 4, 2, 5, 3).flatten(2, 3).flatten(3, 4)


@op
def space_to_depth(x: Tensor, block_size, data_format="channels_last") -> Tensor:
    """Blocks of `block_size` by `block_size` points become channels."""
    x, n = _blocks("space_to_depth", x, block_size, data_format), block_size
    if data_format == "channels_last":
        x = x.unflatten(2, (-1, n)).unflatten(1, (-1, n)).permute(0, 1, 3, 2, 4, 5)
        return x.flatten(3)
    return x.unflatten(3, (-1, n)).unflatten(2, (-1, n)).permute(0, 1, 3, 5, 2, 4).flatten(1, 3)


@op
def polar(abs_: Tensor, angle: Tensor) -> Tensor:
    """Complex numbers from absolute value and angle."""
    abs_, angle = (to_float(v) for v in promoted(abs_, angle))
    return torch.complex(abs_ * angle.cos(), abs_ * angle.sin())
