"""Ops of neural networks, linalg and mathematics: what only one of them does, and errors."""

import inspect

import keras
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from compat_tests.cases.ops import real
from compat_tests.cases.ops_nn import ERRORS, SQUARE, spd
from compat_tests.test_ops import alike, converted
from torchkeras import Input, activations, ops
from torchkeras.ops.nn import _convolution


def tensors(values):
    return converted(values, torch.tensor)


@pytest.mark.parametrize(("name", "arguments", "words"), ERRORS, ids=lambda v: str(v)[:20])
def test_errors(name, arguments, words):
    with pytest.raises(Exception) as theirs:
        getattr(keras.ops, name)(*tensors(arguments))
    with pytest.raises(type(theirs.value)) as ours:
        getattr(ops, name)(*tensors(arguments))
    assert words in str(theirs.value)
    assert words in str(ours.value)


def test_every_name_is_there():
    for room in ("nn", "linalg"):
        for name, function in inspect.getmembers(getattr(keras.ops, room), inspect.isfunction):
            ours = getattr(getattr(ops, room), name)
            assert ours is getattr(ops, name)
            assert list(inspect.signature(ours).parameters) == list(
                inspect.signature(function).parameters
            )


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_sparsemax_is_that_of_the_activations(axis):
    # Keras's is not on the simplex where several elements are left.
    x = torch.randn(4, 5)
    torch.testing.assert_close(ops.sparsemax(x, axis), activations.sparsemax(x, axis))
    torch.testing.assert_close(ops.sparsemax(x, axis).sum(axis), torch.ones(9 - x.shape[axis]))


def test_jvp():
    x, v = torch.tensor([1.0, 2.0]), torch.tensor([0.5, -1.0])
    value, derivative = ops.jvp(lambda x: x**2, (x,), (v,))
    torch.testing.assert_close(value, x**2)
    torch.testing.assert_close(derivative, 2 * x * v)


def test_flash_attention_is_refused_where_there_is_none():
    x = torch.zeros(1, 2, 1, 4)
    with pytest.raises(RuntimeError, match="Flash attention is not supported"):
        ops.dot_product_attention(x, x, x, flash_attention=True)


@pytest.mark.parametrize(("name", "matrix"), [("eig", SQUARE), ("eigh", spd(2))], ids=str)
def test_eigenvectors(name, matrix):
    """They are unique up to sign and order: what they make together is compared."""
    values, vectors = getattr(ops, name)(matrix)
    theirs = getattr(keras.ops, name)(matrix)
    assert (values.dtype, vectors.dtype) == tuple(x.dtype for x in theirs)
    alike(torch.sort(values.abs()).values, torch.sort(theirs[0].abs()).values, 1e-5)
    again = vectors @ torch.diag_embed(values) @ torch.linalg.inv(vectors)
    alike(again.real, torch.tensor(matrix), 1e-5)
    outputs = getattr(ops, name)(Input(batch_shape=(None, 4, 4)))
    assert [(x.shape, x.dtype) for x in outputs] == [
        ((None, 4), ops.dtype(values)),
        ((None, 4, 4), ops.dtype(vectors)),
    ]


# ------------------------------------------------------------------ convolutions
def pooled_by_loop(x, window, strides):
    """Average pooling with padding "same", of what lies inside."""
    sizes = [-(-n // s) for n, s in zip(x.shape[1:3], strides)]
    before, _ = _convolution.same_padding(x.shape[1:3], window, strides)
    y = np.empty((x.shape[0], *sizes, x.shape[3]), "float32")
    for i, j in np.ndindex(*sizes):
        top, left = i * strides[0] - before[0], j * strides[1] - before[1]
        part = x[:, max(top, 0) : top + window[0], max(left, 0) : left + window[1]]
        y[:, i, j] = part.mean((1, 2))
    return y


@pytest.mark.parametrize("strides", ((1, 1), (2, 2), (3, 1), (1, 2)))
@pytest.mark.parametrize("window", ((3, 3), (2, 2), (3, 2), (4, 1)))
@pytest.mark.parametrize("size", ((7, 8), (6, 5)))
def test_average_pool_leaves_padding_out(size, window, strides):
    x = real(2, *size, 3)
    y = ops.average_pool(torch.tensor(x), window, strides, "same")
    np.testing.assert_allclose(y.numpy(), pooled_by_loop(x, window, strides), rtol=1e-5, atol=1e-6)
    z = ops.max_pool(torch.tensor(x), window, strides, "same")
    assert z.shape == y.shape


@pytest.mark.parametrize("rate", (1, 2))
@pytest.mark.parametrize("strides", (1, 2, 3))
@pytest.mark.parametrize("window", (1, 2, 3, 4, 5))
def test_conv_transpose_is_the_gradient_of_conv(window, strides, rate):
    if strides > 1 and rate > 1:
        return
    n = 4
    kernel = torch.tensor(real(window, window, 3, 2))
    x = torch.tensor(real(2, n, n, 2))
    big = torch.zeros(2, n * strides, n * strides, 3, requires_grad=True)
    options = {"strides": strides, "dilation_rate": rate, "padding": "same"}
    (expected,) = torch.autograd.grad((ops.conv(big, kernel, **options) * x).sum(), big)
    alike(ops.conv_transpose(x, kernel, **options), expected, 5e-6)


def first(x):
    return np.ascontiguousarray(np.moveaxis(x, -1, 1))


@pytest.mark.parametrize("padding", ("valid", "same"))
@pytest.mark.parametrize("rank", (1, 2, 3))
def test_data_formats_agree(rank, padding):
    x = real(2, *(7, 6, 5)[:rank], 4)
    kernel = torch.tensor(real(*[3] * rank, 4, 6))
    calls = [
        lambda o, x, f: o.conv(x, kernel, 2, padding, f),
        lambda o, x, f: o.conv_transpose(x, kernel.transpose(-1, -2), 2, padding, None, f),
        lambda o, x, f: o.max_pool(x, 2, 2, padding, f),
        lambda o, x, f: o.adaptive_average_pool(x, 2, f),
    ]
    if rank < 3:
        calls.append(lambda o, x, f: o.depthwise_conv(x, kernel[..., :2], 2, padding, f))
    for function in calls:
        last = function(ops, torch.tensor(x), "channels_last")
        other = function(ops, torch.tensor(first(x)), "channels_first")
        alike(other, last.movedim(-1, 1), 5e-6)
        alike(other, function(keras.ops, torch.tensor(first(x)), "channels_first"), 5e-6)


def test_bias_and_groups():
    x, kernel, bias = (torch.tensor(real(*s)) for s in ((2, 7, 8, 4), (3, 3, 2, 6), (6,)))
    plain = ops.conv(x, kernel, 2, "same")
    alike(_convolution.conv_nd(x, kernel, bias, 2, "same", groups=2), plain + bias)
    turned = torch.tensor(real(3, 3, 6, 4))
    for window, extra in ((turned, None), (turned, 3), (turned[:1, :1], None)):
        plain = ops.conv_transpose(x, window, 2, "valid", extra)
        alike(
            _convolution.conv_transpose_nd(x, window, bias, 2, "valid", extra), plain + bias, 2e-6
        )
    depth = torch.tensor(real(3, 3, 4, 2))
    more = torch.tensor(real(8))
    plain = ops.depthwise_conv(x, depth)
    alike(_convolution.depthwise_conv_nd(x, depth, more), plain + more)


def test_causal_padding():
    x, kernel = torch.tensor(real(2, 9, 3)), torch.tensor(real(3, 3, 4))
    y = _convolution.conv_nd(x, kernel, None, 1, "causal", dilation_rate=2)
    alike(y, ops.conv(F.pad(x, (0, 0, 4, 0)), kernel, dilation_rate=2))


def laid_out(shape, layout):
    """A kernel of `shape` whose elements lie in the order of its axes permuted by `layout`."""
    kernel = torch.randn([shape[axis] for axis in layout])
    return kernel.permute([layout.index(axis) for axis in range(len(shape))])


def test_nothing_is_copied_around_convolutions():
    x = torch.randn(2, 8, 8, 16)
    kernel = laid_out((3, 3, 16, 8), _convolution.KERNEL_LAYOUT[2])
    view = kernel.permute(_convolution.KERNEL_TO_TORCH[2])
    assert view.is_contiguous(memory_format=torch.channels_last)
    for y in (
        _convolution.conv_nd(x, kernel, None, 1, "same"),
        _convolution.conv_nd(x, kernel, None, 2, "same"),
        _convolution.max_pool_nd(x, 2),
        _convolution.max_pool_nd(x, 3, 2, "same"),
        _convolution.average_pool_nd(x, 3, 2, "same"),
    ):
        assert y.is_contiguous()
    # Nothing but the convolution itself takes memory: its result, and no padded or turned input.
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        _convolution.conv_nd(x, kernel, None, 1, "same")
        _convolution.max_pool_nd(x, 3, 2, "same")
    assert not {"aten::copy_", "aten::constant_pad_nd"} & {e.key for e in profile.key_averages()}


@pytest.mark.slow
def test_ops_compile_without_breaks():
    def net(x, kernel, turned):
        x = ops.relu(ops.conv(x, kernel, 2, "same"))
        x = ops.average_pool(ops.max_pool(x, 2, 1, "same"), 3, 2, "same")
        x = ops.conv_transpose(x, turned, 2, "same")
        x = ops.image.resize(ops.where(x > 0, x, 0.1), (9, 9))
        x = ops.concatenate([x, ops.maximum(x, 0.5) - ops.mean(x, axis=-1, keepdims=True)], -1)
        return ops.softmax(ops.matmul(ops.cast(x, "float32"), ops.ones((6, 2))))

    arguments = [torch.tensor(real(*s)) for s in ((2, 16, 16, 3), (3, 3, 3, 4), (3, 3, 3, 4))]
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    alike(compiled(*arguments), net(*arguments), 1e-5)


def convolution_errors(o):
    x, kernel = torch.ones(2, 5, 5, 3), torch.ones(2, 2, 3, 4)
    yield lambda: o.conv(x, torch.ones(2, 2, 2, 4))
    yield lambda: o.conv(x, kernel, strides=(1, 2, 3))
    yield lambda: o.conv(torch.ones(3, 3), kernel)
    yield lambda: o.depthwise_conv(x, torch.ones(2, 2, 2, 1))
    yield lambda: o.separable_conv(x, torch.ones(2, 2, 2, 1), torch.ones(1, 1, 2, 4))
    yield lambda: o.conv_transpose(x, kernel)
    yield lambda: o.conv(x, kernel, data_format="x")
    yield lambda: o.max_pool(x, (2, 2, 2))
    yield lambda: o.max_pool(x, 0)
    yield lambda: o.adaptive_max_pool(x, (2, 2, 2))


def test_convolution_errors():
    for ours, theirs in zip(convolution_errors(ops), convolution_errors(keras.ops), strict=True):
        with pytest.raises(ValueError):
            theirs()
        with pytest.raises(ValueError):
            ours()
