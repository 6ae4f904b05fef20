"""What layers and losses are made of: activations, products with kernels, normalization,
recurrence, CTC."""

import math

import torch
from torch.nn import functional as F

from torchkeras import _symbolic, losses, ops, random
from torchkeras._op import Computation, Operation
from torchkeras._scopes import call_context
from torchkeras._symbolic import KerasTensor, any_symbolic
from torchkeras.backend._math import (
    expand_dims,
    ndim,
    permute_dimensions,
    reshape,
)
from torchkeras.backend._settings import learning_phase, normalize_data_format

__all__ = [
    "atrous_conv2d",
    "batch_normalization",
    "bias_add",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "conv1d",
    "conv2d",
    "conv2d_transpose",
    "conv3d",
    "conv3d_transpose",
    "ctc_batch_cost",
    "ctc_decode",
    "ctc_label_dense_to_sparse",
    "deconv2d",
    "depthwise_conv2d",
    "dropout",
    "elu",
    "hard_sigmoid",
    "in_test_phase",
    "in_top_k",
    "in_train_phase",
    "l2_normalize",
    "local_conv1d",
    "local_conv2d",
    "normalize_batch_in_training",
    "pool2d",
    "pool3d",
    "relu",
    "rnn",
    "separable_conv1d",
    "separable_conv2d",
    "sigmoid",
    "softmax",
    "softplus",
    "softsign",
    "sparse_categorical_crossentropy",
    "switch",
    "tanh",
]


# ---------------------------------------------------------------- activations


def relu(x, alpha=0.0, max_value=None, threshold=0.0):
    """Rectifier: `alpha * (x - threshold)` below the threshold, at most `max_value`."""
    if not alpha and not threshold and max_value is None:
        return ops.relu(x)
    below = alpha * (x - threshold)
    above = x if max_value is None else ops.minimum(x, max_value)
    return ops.where(ops.greater_equal(x, threshold), above, below)


def elu(x, alpha=1.0):
    """Exponential linear unit."""
    return ops.elu(x, alpha=alpha)


def sigmoid(x):
    """Sigmoid."""
    return ops.sigmoid(x)


def hard_sigmoid(x):
    """0 below -2.5, 1 above 2.5, `0.2 * x + 0.5` between."""
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


def tanh(x):
    """Hyperbolic tangent."""
    return ops.tanh(x)


def softmax(x, axis=-1):
    """Softmax along an axis."""
    return ops.softmax(x, axis=axis)


def softplus(x):
    """`log(exp(x) + 1)`."""
    return ops.softplus(x)


def softsign(x):
    """`x / (abs(x) + 1)`."""
    return ops.softsign(x)


def l2_normalize(x, axis=None):
    """The tensor divided by its Euclidean norm over axes."""
    squares = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return x * ops.rsqrt(ops.maximum(squares, 1e-12))


def dropout(x, level, noise_shape=None, seed=None):
    """Some values set to 0 at random, the others scaled up, in any phase."""
    return random.dropout(x, level, noise_shape, seed)


def in_top_k(predictions, targets, k):
    """Whether the targets are among the `k` largest predictions."""
    return ops.in_top_k(targets, predictions, k)


# ---------------------------------------------------------------- losses


def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """Crossentropy with one-hot targets."""
    return ops.categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)


def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1, ignore_class=None):
    """Crossentropy with class numbers as targets."""
    return losses.sparse_categorical_crossentropy(
        target, output, from_logits=from_logits, ignore_class=ignore_class, axis=axis
    )


def binary_crossentropy(target, output, from_logits=False):
    """Crossentropy of probabilities with 0 and 1, element by element."""
    return ops.binary_crossentropy(target, output, from_logits=from_logits)


def binary_focal_crossentropy(
    target, output, apply_class_balancing=False, alpha=0.25, gamma=2.0, from_logits=False
):
    """Binary crossentropy that weighs down what is easy, element by element."""
    values = ops.binary_crossentropy(target, output, from_logits=from_logits)
    p = ops.sigmoid(output) if from_logits else output
    hit = target * p + (1 - target) * (1 - p)
    values = ops.power(1.0 - hit, gamma) * values
    return (
        (target * alpha + (1 - target) * (1 - alpha)) * values if apply_class_balancing else values
    )


def categorical_focal_crossentropy(
    target, output, alpha=0.25, gamma=2.0, from_logits=False, axis=-1
):
    """Crossentropy with one-hot targets that weighs down what is easy."""
    return losses.categorical_focal_crossentropy(
        target, output, alpha=alpha, gamma=gamma, from_logits=from_logits, axis=axis
    )


# ---------------------------------------------------------------- phases and branches


class Choice(Operation):
    """One of two values, by the phase of the call."""

    def call(self, x, alt):
        return x if call_context.training else alt


def in_train_phase(x, alt, training=None):
    """`x` while the model trains, else `alt`; each a value or a function that gives one."""
    if training is None and not call_context.depth:
        x, alt = (part() if callable(part) else part for part in (x, alt))
        if any_symbolic(x, alt):
            return Choice()(x, alt)
    training = learning_phase() if training is None else training
    chosen = x if training else alt
    return chosen() if callable(chosen) else chosen


def in_test_phase(x, alt, training=None):
    """`alt` while the model trains, else `x`."""
    return in_train_phase(alt, x, training=training)


def switch(condition, then_expression, else_expression):
    """One of two values, by a condition; each a value or a function that gives one.

    The condition is one truth value, or has one for each element or row.
    """
    decided = not isinstance(condition, (torch.Tensor, KerasTensor))
    decided = decided or (
        isinstance(condition, torch.Tensor) and condition.ndim == 0 and not condition.is_meta
    )
    if decided:
        chosen = then_expression if bool(condition) else else_expression
        return chosen() if callable(chosen) else chosen
    then, other = (
        part() if callable(part) else part for part in (then_expression, else_expression)
    )
    then = ops.convert_to_tensor(then) if not isinstance(then, KerasTensor) else then
    condition = ops.cast(condition, "bool")
    for _ in range(ndim(then) - ndim(condition)):
        condition = expand_dims(condition)
    return ops.where(condition, then, other)


# ---------------------------------------------------------------- kernels


def conv1d(x, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """Convolution over steps; `padding="causal"` looks at earlier steps only."""
    if padding == "causal":
        width = dilation_rate * (kernel.shape[0] - 1)
        first = normalize_data_format(data_format) == "channels_first"
        pads = [(0, 0), (0, 0), (width, 0)] if first else [(0, 0), (width, 0), (0, 0)]
        x, padding = ops.pad(x, pads), "valid"
    return _conv(x, kernel, strides, padding, data_format, dilation_rate)


def _conv(x, kernel, strides, padding, data_format, dilation_rate):
    return ops.conv(
        x,
        kernel,
        strides=strides,
        padding=padding,
        data_format=normalize_data_format(data_format),
        dilation_rate=dilation_rate,
    )


def conv2d(x, kernel, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)):
    """Convolution of images."""
    return _conv(x, kernel, strides, padding, data_format, dilation_rate)


def conv3d(
    x, kernel, strides=(1, 1, 1), padding="valid", data_format=None, dilation_rate=(1, 1, 1)
):
    """Convolution of volumes."""
    return _conv(x, kernel, strides, padding, data_format, dilation_rate)


def atrous_conv2d(x, kernel, rate=1, padding="valid", data_format=None):
    """Convolution of images with holes in the kernel."""
    return _conv(x, kernel, 1, padding, data_format, rate)


def _conv_transpose(x, kernel, output_shape, strides, padding, data_format, dilation_rate):
    data_format = normalize_data_format(data_format)
    rank = ndim(x) - 2
    strides = (strides,) * rank if isinstance(strides, int) else tuple(strides)
    rates = (dilation_rate,) * rank if isinstance(dilation_rate, int) else tuple(dilation_rate)
    first = data_format == "channels_first"
    sizes = tuple(x.shape)[2:] if first else tuple(x.shape)[1:-1]
    wanted = tuple(output_shape)[2:] if first else tuple(output_shape)[1:-1]
    extra = None
    if all(isinstance(d, int) for d in (*sizes, *wanted)):
        kernel_sizes = [r * (k - 1) + 1 for k, r in zip(kernel.shape, rates, strict=False)]
        least = [
            (n - 1) * s + (k - 2 * (k // 2) if padding == "same" else k)
            for n, s, k in zip(sizes, strides, kernel_sizes, strict=True)
        ]
        extra = tuple(w - m for w, m in zip(wanted, least, strict=True))
        if not all(0 <= e < max(s, 2) for e, s in zip(extra, strides, strict=True)):
            extra = None
    return ops.conv_transpose(
        x,
        kernel,
        strides=strides,
        padding=padding,
        output_padding=extra,
        data_format=data_format,
        dilation_rate=dilation_rate,
    )


def conv2d_transpose(
    x,
    kernel,
    output_shape,
    strides=(1, 1),
    padding="valid",
    data_format=None,
    dilation_rate=(1, 1),
):
    """Transposed convolution of images, to an output of the given shape."""
    return _conv_transpose(x, kernel, output_shape, strides, padding, data_format, dilation_rate)


deconv2d = conv2d_transpose


def conv3d_transpose(x, kernel, output_shape, strides=(1, 1, 1), padding="valid", data_format=None):
    """Transposed convolution of volumes, to an output of the given shape."""
    return _conv_transpose(x, kernel, output_shape, strides, padding, data_format, 1)


def depthwise_conv2d(
    x,
    depthwise_kernel,
    strides=(1, 1),
    padding="valid",
    data_format=None,
    dilation_rate=(1, 1),
):
    """Convolution of each channel of images by itself."""
    return ops.depthwise_conv(
        x,
        depthwise_kernel,
        strides=strides,
        padding=padding,
        data_format=normalize_data_format(data_format),
        dilation_rate=dilation_rate,
    )


def separable_conv1d(
    x,
    depthwise_kernel,
    pointwise_kernel,
    strides=1,
    padding="valid",
    data_format=None,
    dilation_rate=1,
):
    """Convolution of each channel over steps, then of all channels at each step."""
    return ops.separable_conv(
        x,
        depthwise_kernel,
        pointwise_kernel,
        strides=strides,
        padding=padding,
        data_format=normalize_data_format(data_format),
        dilation_rate=dilation_rate,
    )


def separable_conv2d(
    x,
    depthwise_kernel,
    pointwise_kernel,
    strides=(1, 1),
    padding="valid",
    data_format=None,
    dilation_rate=(1, 1),
):
    """Convolution of each channel of images, then of all channels at each pixel."""
    return separable_conv1d(
        x, depthwise_kernel, pointwise_kernel, strides, padding, data_format, dilation_rate
    )


def _pool(x, pool_size, strides, padding, data_format, pool_mode):
    kinds = {"max": ops.max_pool, "avg": ops.average_pool, "ave": ops.average_pool}
    if pool_mode not in kinds:
        raise ValueError(f"Invalid pooling mode. Received: pool_mode={pool_mode!r}")
    return kinds[pool_mode](
        x,
        pool_size,
        strides=strides,
        padding=padding,
        data_format=normalize_data_format(data_format),
    )


def pool2d(x, pool_size, strides=(1, 1), padding="valid", data_format=None, pool_mode="max"):
    """Pooling of images, by "max" or "avg"."""
    return _pool(x, pool_size, strides, padding, data_format, pool_mode)


def pool3d(x, pool_size, strides=(1, 1, 1), padding="valid", data_format=None, pool_mode="max"):
    """Pooling of volumes, by "max" or "avg"."""
    return _pool(x, pool_size, strides, padding, data_format, pool_mode)


def local_conv1d(inputs, kernel, kernel_size, strides, data_format=None):
    """Convolution over steps with weights of its own at each step.

    Args:
        kernel: of shape `(output steps, kernel_size * channels, filters)`.
    """
    return local_conv(inputs, kernel, kernel_size, strides, (kernel.shape[0],), data_format)


def local_conv2d(inputs, kernel, kernel_size, strides, output_shape, data_format=None):
    """Convolution of images with weights of its own at each place.

    Args:
        kernel: of shape `(places, rows * columns * channels, filters)`.
        output_shape: rows and columns of the output.
    """
    return local_conv(inputs, kernel, kernel_size, strides, output_shape, data_format)


def local_conv(inputs, kernel, kernel_size, strides, output_shape, data_format=None):
    """What `local_conv1d` and `local_conv2d` compute, over as many axes as `output_shape` has."""
    if any_symbolic(inputs):
        compute = Computation(
            lambda x: local_conv(x, kernel, kernel_size, strides, output_shape, data_format)
        )
        return compute(inputs)
    first = normalize_data_format(data_format) == "channels_first"
    x = inputs.movedim(1, -1) if first else inputs
    for axis, (width, stride) in enumerate(zip(kernel_size, strides, strict=True), 1):
        x = x.unfold(axis, width, stride)  # (B, places..., C, k1, ...)
    if not first:
        x = x.movedim(len(kernel_size) + 1, -1)  # (B, places..., k1, ..., C)
    x = x.reshape(x.shape[0], math.prod(output_shape), -1)
    out = torch.einsum("bpk,pkf->bpf", x, kernel)
    out = out.reshape(x.shape[0], *output_shape, kernel.shape[-1])
    return out.movedim(-1, 1) if first else out


def bias_add(x, bias, data_format=None):
    """A bias added to the channels, or one for each place.

    Raises:
        ValueError: a bias of neither 1 axis nor one axis less than x.
    """
    first = normalize_data_format(data_format) == "channels_first"
    rank = ndim(x)
    if ndim(bias) not in (1, rank - 1):
        raise ValueError(
            f"Unexpected bias dimensions {ndim(bias)}, expect to be 1 or {rank - 1} dimensions. "
            f"Received: bias of shape {tuple(bias.shape)}"
        )
    if not first or rank < 3:
        return x + bias
    if ndim(bias) == 1:
        return x + reshape(bias, (-1,) + (1,) * (rank - 2))
    return x + permute_dimensions(bias, (rank - 2, *range(rank - 2)))


# ---------------------------------------------------------------- normalization


def batch_normalization(x, mean, var, beta, gamma, axis=-1, epsilon=1e-3):
    """`(x - mean) / sqrt(var + epsilon) * gamma + beta`."""
    rank = ndim(x)
    axis = axis % rank

    def along(v):
        if v is None or ndim(v) != 1:
            return v
        return reshape(v, [-1 if i == axis else 1 for i in range(rank)])

    mean, var, beta, gamma = map(along, (mean, var, beta, gamma))
    scale = ops.rsqrt(var + epsilon)
    scale = scale if gamma is None else scale * gamma
    return x * scale + ((0.0 if beta is None else beta) - mean * scale)


def normalize_batch_in_training(x, gamma, beta, reduction_axes, epsilon=1e-3):
    """x normalized over axes, and its mean and variance there."""
    mean, variance = ops.moments(x, axes=list(reduction_axes))
    kept = [1 if i in reduction_axes else -1 for i in range(ndim(x))]
    shape = [n if k == -1 else 1 for n, k in zip(x.shape, kept, strict=True)]

    def along(v):
        return v if v is None or kept.count(-1) == 1 and kept[-1] == -1 else reshape(v, shape)

    normed = batch_normalization(
        x, along(mean), along(variance), along(beta), along(gamma), epsilon=epsilon
    )
    return normed, mean, variance


# ---------------------------------------------------------------- recurrence


def rnn(
    step_function,
    inputs,
    initial_states,
    go_backwards=False,
    mask=None,
    constants=None,
    unroll=False,
    input_length=None,
    time_major=False,
    zero_output_for_mask=False,
    return_all_outputs=True,
):
    """Runs a step function over time.

    Args:
        step_function: `(input, states) -> (output, new states)`, where `states` ends with the
            constants.
        inputs: tensor of shape `(batch, time, ...)`, or `(time, batch, ...)` where `time_major`.
        mask: truth values of shape `(batch, time)`: where false, output and states stay.
        zero_output_for_mask: whether masked outputs are 0 instead.

    Returns:
        `(last output, outputs, last states)`.
    """
    if any_symbolic(inputs, initial_states):
        count = len(initial_states)

        def compute(x, *states):
            return rnn(
                step_function,
                x,
                list(states),
                go_backwards,
                mask,
                constants,
                unroll,
                input_length,
                time_major,
                zero_output_for_mask,
                return_all_outputs,
            )

        last, outputs, states = Computation(compute)(inputs, *initial_states[:count])
        return last, outputs, list(states)
    x = inputs if time_major else inputs.transpose(0, 1)
    steps = list(range(x.shape[0]))[:: -1 if go_backwards else 1]
    if mask is not None:
        mask = mask.squeeze(-1) if mask.ndim == 3 else mask
        mask = (mask if time_major else mask.transpose(0, 1)).bool()
    states, constants = list(initial_states), list(constants or ())
    outputs, output = [], None
    for t in steps:
        new_output, new_states = step_function(x[t], states + constants)
        if mask is None:
            output, states = new_output, list(new_states)
        else:
            before = torch.zeros_like(new_output) if output is None else output
            filler = torch.zeros_like(new_output) if zero_output_for_mask else before
            output = _where_rows(mask[t], new_output, filler)
            states = [_where_rows(mask[t], new, old) for new, old in zip(new_states, states)]
        outputs.append(output)
    last = outputs[-1]
    stacked = torch.stack(outputs if return_all_outputs else outputs[-1:], dim=0)
    return last, stacked if time_major else stacked.transpose(0, 1), states


def _where_rows(rows, yes, no):
    return torch.where(rows.reshape(-1, *(1,) * (yes.ndim - 1)), yes, no)


# ---------------------------------------------------------------- CTC


def ctc_batch_cost(y_true, y_pred, input_length, label_length):
    """The CTC loss of each row, of shape `(batch, 1)`; the last class is the blank.

    Args:
        y_true: class numbers, of shape `(batch, labels)`.
        y_pred: probabilities, of shape `(batch, time, classes)`.
        input_length, label_length: how many steps and labels of each row count, `(batch, 1)`.
    """
    if any_symbolic(y_true, y_pred, input_length, label_length):
        return Computation(ctc_batch_cost)(y_true, y_pred, input_length, label_length)
    if _symbolic.running_on_meta():
        return y_pred.new_empty((y_pred.shape[0], 1))
    scores = F.log_softmax(torch.log(y_pred.transpose(0, 1) + 1e-7), dim=-1)
    cost = F.ctc_loss(
        scores,
        y_true.long(),
        input_length.reshape(-1).long(),
        label_length.reshape(-1).long(),
        blank=y_pred.shape[-1] - 1,
        reduction="none",
        zero_infinity=False,
    )
    return cost.unsqueeze(1)


def ctc_label_dense_to_sparse(labels, label_lengths):
    """The first labels of each row as a sparse tensor."""
    lengths = label_lengths.reshape(-1, 1)
    kept = torch.arange(labels.shape[1], device=labels.device) < lengths
    return torch.sparse_coo_tensor(kept.nonzero().T, labels[kept], tuple(labels.shape)).coalesce()


def ctc_decode(
    y_pred, input_length, greedy=True, beam_width=100, top_paths=1, merge_repeated=False
):
    """The most likely labels.

    Args:
        y_pred: probabilities, of shape `(batch, time, classes)`; the last class is the blank.
        input_length: how many steps of each row count.

    Returns:
        A list of `top_paths` tensors of labels, filled up with -1, and the log probabilities of
        shape `(batch, top_paths)`; for greedy search their negatives.
    """
    scores = torch.log(torch.as_tensor(y_pred) + 1e-7)
    lengths = torch.as_tensor(input_length).reshape(-1).long()
    blank = scores.shape[-1] - 1
    if greedy:
        return _greedy_paths(scores, lengths, blank)
    labels, log_probabilities = ops.ctc_decode(
        scores,
        lengths,
        strategy="beam_search",
        beam_width=beam_width,
        top_paths=top_paths,
        merge_repeated=merge_repeated,
        mask_index=blank,
    )
    return [part for part in labels], log_probabilities


def _greedy_paths(scores, lengths, blank):
    values, best = scores.max(dim=-1)  # (B, T)
    counted = torch.arange(best.shape[1], device=best.device) < lengths.to(best.device)[:, None]
    repeated = torch.zeros_like(counted)
    repeated[:, 1:] = best[:, 1:] == best[:, :-1]
    kept = counted & (best != blank) & ~repeated
    labels = torch.full_like(best, -1)
    for row, places in enumerate(kept):
        found = best[row][places]
        labels[row, : len(found)] = found
    return [labels], -(values * counted).sum(1, keepdim=True)
