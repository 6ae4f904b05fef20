"""Every layer against real Keras with the same weights: values, gradients, shapes, errors."""

import inspect
import itertools
import json
import pathlib
import types

import keras
import numpy as np
import pytest
import torch

import torchkeras
from compat_tests.cases import layers as layers_rows
from compat_tests.cases import layers_images, layers_preprocessing, layers_recurrent
from compat_tests.cases.layers import CASES, IMAGE, STEPS, VOLUME, Case, Inner

LIBRARIES = {"ours": torchkeras, "theirs": keras}
all_cases = pytest.mark.parametrize("case", CASES, ids=str)
TOLERANCE = {"float32": 1e-5, "float64": 1e-10, "bfloat16": 2e-2, "float16": 3e-3}
# What real Keras computes in 32 bits, whatever the dtype.
NARROWED = ("Dense", "Pooling", "Normalization", "Dot", "Maximum", "Minimum", "Reversible")


def resolved(value, library):
    if isinstance(value, Inner):
        return getattr(library.layers, value.layer.__name__)(name="inner", **value.config)
    return value


def made(case, library, **more):
    cls = getattr(library.layers, case.layer.__name__)
    return cls(**{key: resolved(value, library) for key, value in case.config.items()}, **more)


def drawn(case, dtype="float32"):
    """The inputs of a case, as NumPy arrays."""
    generator = np.random.default_rng(0)
    if case.integers:
        arrays = [generator.integers(0, case.integers, shape, "int32") for shape in case.shapes]
    else:
        arrays = [generator.normal(size=shape).astype(dtype) for shape in case.shapes]
    return arrays if isinstance(case.shape, list) else arrays[0]


def tensors(arrays, gradients=False):
    """Tensors of their own, which collect gradients if they can."""

    def one(array):
        tensor = torch.tensor(array)
        return tensor.requires_grad_(gradients and tensor.is_floating_point())

    return [one(a) for a in arrays] if isinstance(arrays, list) else one(arrays)


def listed(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


def twins(case, dtype="float32", **more):
    """The layer of each library, with the same weights, none of them trivial; and the inputs."""
    arrays = drawn(case, "float64" if dtype == "float64" else "float32")
    theirs, ours = (
        made(case, keras, dtype=dtype, **more),
        made(case, torchkeras, dtype=dtype, **more),
    )
    theirs(tensors(arrays), **case.call)
    ours(tensors(arrays), **case.call)
    generator = np.random.default_rng(1)
    weights = [
        generator.uniform(0.5, 1.5, w.shape) * generator.choice([-1, 1], w.shape)
        if w.trainable
        else generator.uniform(0.5, 1.5, w.shape)
        for w in theirs.weights
    ]
    theirs.set_weights(weights)
    ours.set_weights(weights)
    return ours, theirs, arrays


def same(ours, theirs, dtype=None, scale=1.0):
    """Asserts equal dtypes, shapes and values; a tolerance goes with the size of the values."""
    ours, theirs = torch.as_tensor(ours).detach(), torch.as_tensor(theirs).detach()
    assert ours.dtype == theirs.dtype
    assert tuple(ours.shape) == tuple(theirs.shape)
    tolerance = scale * TOLERANCE.get(dtype or str(ours.dtype).removeprefix("torch."), 0)
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)


def takes_training(case):
    return "training" in keras_call_arguments(case)


def keras_call_arguments(case):
    return getattr(keras.layers, case.layer.__name__).call.__code__.co_varnames


@pytest.mark.parametrize("training", [False, True])
@all_cases
def test_value(case, training):
    ours, theirs, arrays = twins(case)
    told = {"training": training} if takes_training(case) else {}
    result = ours(tensors(arrays), **case.call, **told)
    expected = theirs(tensors(arrays), **case.call, **told)
    if case.random and training:
        assert (result.dtype, result.shape) == (expected.dtype, expected.shape)
        assert not torch.equal(result, tensors(arrays))
        return
    same(result, expected)
    assert len(ours.losses) == len(theirs.losses)
    for mine, other in zip(ours.losses, theirs.losses):
        same(mine, other)
    for mine, other in zip(ours.weights, theirs.weights):
        same(mine, other.value)


@all_cases
def test_gradients(case):
    if case.random:
        pytest.skip("draws of its own")
    ours, theirs, arrays = twins(case)
    told = {"training": True} if takes_training(case) else {}
    generator = torch.Generator().manual_seed(2)
    found = []
    for layer in (ours, theirs):
        inputs = tensors(arrays, gradients=True)
        outputs = layer(inputs, **case.call, **told)
        if not found:
            factors = torch.rand(outputs.shape, generator=generator)
        if outputs.requires_grad:
            (outputs * factors).sum().backward()
        gradients = [x.grad for x in listed(inputs)]
        weights = layer.trainable_weights
        gradients += [w.grad if layer is ours else w.value.grad for w in weights]
        found.append(gradients)
    for mine, other in zip(*found, strict=True):
        assert (mine is None) == (other is None)
        if mine is not None:
            same(mine, other, scale=max(1.0, float(other.abs().max())))


@all_cases
def test_gradients_lie_in_memory_as_their_weights(case):
    if case.random or not case.gradients:
        pytest.skip("no gradients")
    ours, _, arrays = twins(case)
    outputs = ours(tensors(arrays), **case.call)
    if not ours.trainable_weights:
        return
    outputs.sum().backward()
    for weight in ours.trainable_weights:
        if weight.grad is not None and weight.dim() > 1 and min(weight.shape) > 1:
            assert weight.grad.stride() == weight.stride(), weight.name


@all_cases
def test_weights(case):
    ours, theirs, _ = twins(case)

    def described(layer):
        return [
            (w.name, tuple(w.shape), w.trainable, keras.backend.standardize_dtype(w.dtype))
            for w in layer.weights
        ]

    assert described(ours) == described(theirs)
    assert [w.path.split("/")[1:] for w in ours.weights] == [
        w.path.split("/")[1:] for w in theirs.weights
    ]
    assert len(ours.trainable_variables) == len(theirs.trainable_variables)
    assert len(ours.non_trainable_variables) == len(theirs.non_trainable_variables)
    assert ours.count_params() == theirs.count_params()


def symbolic(case, library, shapes):
    dtype = "int32" if case.integers else "float32"
    inputs = [library.Input(batch_shape=shape, dtype=dtype) for shape in shapes]
    inputs = inputs if isinstance(case.shape, list) else inputs[0]
    return made(case, library)(inputs, **case.call)


def with_unknown_sizes(shape, keep):
    return tuple(None if axis not in keep else size for axis, size in enumerate(shape))


@all_cases
def test_symbolic_shape(case):
    wanted = [shape for shape in case.shapes]
    variants = [wanted, [(None, *shape[1:]) for shape in wanted]]
    if case.unknown:
        channels = 1 if case.config.get("data_format") == "channels_first" else -1
        for keep in ((channels,), (1, channels), (2, channels)):
            variants.append([with_unknown_sizes(s, {k % len(s) for k in keep}) for s in wanted])
    for shapes in variants:
        try:
            theirs = symbolic(case, keras, shapes)
        except (ValueError, TypeError, RuntimeError, IndexError, AttributeError):
            continue
        ours = symbolic(case, torchkeras, shapes)
        assert tuple(ours.shape) == tuple(theirs.shape), shapes
        assert ours.dtype == theirs.dtype


@all_cases
def test_stated_shape(case):
    arrays = drawn(case)
    shape = [a.shape for a in arrays] if isinstance(arrays, list) else arrays.shape
    layer = made(case, torchkeras)
    if case.call:
        pytest.skip("the shape depends on more than the inputs")
    stated = layer.compute_output_shape(shape)
    assert tuple(stated) == tuple(made(case, torchkeras)(tensors(arrays), **case.call).shape)


def as_json(config):
    """The config as it stands in a file; without what names the library that wrote it."""
    text = json.dumps(keras.saving.serialize_keras_object(config), sort_keys=True)
    return json.loads(text)


@all_cases
def test_config(case):
    ours, theirs = made(case, torchkeras, name="it"), made(case, keras, name="it")
    config, expected = as_json(ours.get_config()), as_json(theirs.get_config())
    if case.layer is torchkeras.layers.ELU:
        expected.setdefault("alpha", 1.0)
    assert config == expected
    again = type(ours).from_config(theirs.get_config())
    assert as_json(again.get_config()) == config
    other = type(theirs).from_config(ours.get_config())
    assert as_json(other.get_config()) == as_json(theirs.get_config())


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64", "float16"])
@all_cases
def test_policy(case, policy):
    try:
        ours, theirs, arrays = twins(case, dtype=policy)
    except NotImplementedError:
        pytest.skip("torch has no such kernel on the CPU")
    result = ours(tensors(arrays), **case.call)
    expected = theirs(tensors(arrays), **case.call)
    scale = max(1.0, float(expected.detach().abs().max()))
    if policy == "float64" and any(name in case.layer.__name__ for name in NARROWED):
        assert result.dtype is torch.float64
        result, expected = result.float(), expected.float()
    same(result, expected, scale=scale)
    for mine, other in zip(ours.weights, theirs.weights):
        assert keras.backend.standardize_dtype(mine.dtype) == other.dtype


# ---------------------------------------------------------------- masks


def masked_pair(shape, masks):
    """Tensors of that shape, one for each mask, with the masks attached (None: without)."""
    generator = np.random.default_rng(0)
    found = []
    for mask in masks:
        tensor = torch.tensor(generator.normal(size=shape).astype("float32"))
        if mask is not None:
            tensor._keras_mask = torch.tensor(mask)
        found.append(tensor)
    return found


LEFT = [[True, True, False, False], [True, False, False, True]]
RIGHT = [[True, False, True, False], [True, True, True, False]]
MASKED = [
    ("Add", {}, (LEFT, RIGHT)),
    ("Add", {}, (LEFT, None)),
    ("Average", {}, (LEFT, RIGHT)),
    ("Multiply", {}, (LEFT, RIGHT)),
    ("Multiply", {}, (LEFT, None)),
    ("Maximum", {}, (LEFT, RIGHT)),
    ("Maximum", {}, (LEFT, None)),
    ("Minimum", {}, (None, RIGHT)),
    ("Minimum", {}, (LEFT, RIGHT)),
    ("Concatenate", {}, (LEFT, RIGHT)),
    ("Concatenate", {"axis": 1}, (LEFT, RIGHT)),
    ("Concatenate", {"axis": 1}, (LEFT, None)),
    ("Dot", {"axes": 2}, (LEFT, RIGHT)),
    ("Dropout", {"rate": 0.5}, (LEFT,)),
    ("Dense", {"units": 3}, (LEFT,)),
    ("LayerNormalization", {}, (LEFT,)),
    ("Activation", {"activation": "relu"}, (LEFT,)),
    ("ReLU", {}, (LEFT,)),
    ("Rescaling", {"scale": 2.0}, (LEFT,)),
    ("GlobalAveragePooling1D", {}, (LEFT,)),
    ("GlobalAveragePooling1D", {"keepdims": True}, (RIGHT,)),
]


@pytest.mark.parametrize("name,config,masks", MASKED)
def test_mask(name, config, masks):
    results = []
    theirs = getattr(keras.layers, name)(**config)
    ours = getattr(torchkeras.layers, name)(**config)
    for layer in (ours, theirs):
        inputs = masked_pair((2, 4, 5), masks)
        inputs = inputs if len(inputs) > 1 else inputs[0]
        layer(inputs)
        if layer is theirs:
            ours.set_weights([w.value.detach().numpy() for w in theirs.weights])
        results.append(inputs)
    result, expected = ours(results[0]), theirs(results[1])
    same(result, expected)
    mine, other = (getattr(x, "_keras_mask", None) for x in (result, expected))
    assert (mine is None) == (other is None)
    if other is not None:
        assert torch.equal(mine, other)


def test_a_layer_without_masks_warns_and_passes_none_on():
    x = masked_pair((2, 4, 5), [LEFT])[0]
    with pytest.warns(UserWarning, match="does not support mask"):
        y = torchkeras.layers.Conv1D(2, 3)(x)
    assert getattr(y, "_keras_mask", None) is None


def test_embedding_makes_masks():
    tokens = np.array([[1, 2, 0], [3, 0, 0]])
    ours = torchkeras.layers.Embedding(5, 2, mask_zero=True)
    assert torch.equal(ours(tokens)._keras_mask, torch.tensor(tokens != 0))
    assert torch.equal(ours.compute_mask(torch.tensor(tokens)), torch.tensor(tokens != 0))
    plain = torchkeras.layers.Embedding(5, 2)
    assert getattr(plain(tokens), "_keras_mask", None) is None
    both_ways = torchkeras.layers.ReversibleEmbedding(5, 2, mask_zero=True)
    assert torch.equal(both_ways(tokens)._keras_mask, torch.tensor(tokens != 0))
    assert getattr(both_ways(torch.ones(2, 2), reverse=True), "_keras_mask", None) is None


@pytest.mark.parametrize("axis", [-1, 1, [1, 2]])
def test_softmax_mask(axis):
    x = np.random.default_rng(0).normal(size=(2, 4, 5)).astype("float32")
    mask = np.random.default_rng(1).random((2, 4, 5)) > 0.4
    mask[0, 1] = False
    for given in (mask, mask.astype("float32"), mask[:, :1]):
        given = torch.tensor(given)
        result = torchkeras.layers.Softmax(axis)(torch.tensor(x), mask=given)
        same(result, keras.layers.Softmax(axis)(torch.tensor(x), mask=given))
    with pytest.raises(ValueError, match="broadcastable"):
        torchkeras.layers.Softmax(axis)(torch.tensor(x), mask=torch.ones(3, 5))


# ---------------------------------------------------------------- sweeps


def pair_of(name, shape, **config):
    theirs = getattr(keras.layers, name)(**config)
    ours = getattr(torchkeras.layers, name)(**config)
    theirs.build(shape)
    ours.build(shape)
    generator = np.random.default_rng(1)
    weights = [generator.normal(size=w.shape).astype("float32") for w in theirs.weights]
    theirs.set_weights(weights)
    ours.set_weights(weights)
    return ours, theirs


def image_of(shape, data_format):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    return np.moveaxis(x, -1, 1).copy() if data_format == "channels_first" else x


def check_pair(ours, theirs, x):
    """Same outputs, and same gradients with respect to inputs and weights."""
    found = []
    for layer in (ours, theirs):
        inputs = torch.tensor(x, requires_grad=True)
        outputs = layer(inputs)
        outputs.square().sum().backward()
        weights = [w.grad if layer is ours else w.value.grad for w in layer.trainable_weights]
        found.append([outputs, inputs.grad, *weights])
    for mine, other in zip(*found, strict=True):
        same(mine, other, scale=max(1.0, float(other.detach().abs().max())))


FORMATS = pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
SAME_VALID = pytest.mark.parametrize("padding", ["same", "valid"])
WINDOWS = list(itertools.product((6, 7, 8), (1, 2, 3, 4), (1, 2, 3), (1, 2)))


@FORMATS
@SAME_VALID
@pytest.mark.parametrize(
    "name", ["Conv1D", "Conv2D", "Conv3D", "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv2D"]
)
def test_convolution_sweep(name, padding, data_format):
    rank = int(name[-2])
    for size, kernel, stride, rate in WINDOWS:
        if stride > 1 and rate > 1 or (rank == 3 and (size == 8 or kernel == 4)):
            continue
        x = image_of((2, size, *(size - 1,) * (rank - 1), 2), data_format)
        config = {
            "kernel_size": kernel,
            "strides": stride,
            "dilation_rate": rate,
            "padding": padding,
            "data_format": data_format,
        }
        if "Depthwise" not in name:
            config["filters"] = 3
        if padding == "valid" and (kernel - 1) * rate + 1 > size - (rank > 1):
            with pytest.raises(ValueError, match="negative"):
                getattr(torchkeras.layers, name)(**config)(torch.tensor(x))
            continue
        check_pair(*pair_of(name, x.shape, **config), x)


@pytest.mark.parametrize("rate", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
def test_causal_sweep(kernel, rate):
    for size, stride in itertools.product((5, 6, 7), (1, 2) if rate == 1 else (1,)):
        x = image_of((2, size, 2), "channels_last")
        config = {"filters": 3, "kernel_size": kernel, "strides": stride, "dilation_rate": rate}
        check_pair(*pair_of("Conv1D", x.shape, padding="causal", **config), x)


@FORMATS
@SAME_VALID
@pytest.mark.parametrize("name", ["Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"])
@pytest.mark.filterwarnings("ignore:You might experience inconsistencies")
def test_transposed_convolution_sweep(name, padding, data_format):
    rank = int(name[4])
    for size, kernel, stride, rate in itertools.product((4, 5), (1, 2, 3, 4), (1, 2, 3), (1, 2)):
        for more in (None, 0, 1):
            if (stride > 1 and rate > 1) or (more or 0) >= stride or (rank == 3 and kernel == 4):
                continue
            x = image_of((2, size, *(size - 1,) * (rank - 1), 2), data_format)
            config = {
                "filters": 3,
                "kernel_size": kernel,
                "strides": stride,
                "dilation_rate": rate,
                "padding": padding,
                "output_padding": more,
                "data_format": data_format,
            }
            ours, theirs = pair_of(name, x.shape, **config)
            if kernel == 1 and stride > 1:
                # Keras's gradients crash torch 2.15 here; ours have a test of their own below.
                same(ours(torch.tensor(x)), theirs(torch.tensor(x)))
            else:
                check_pair(ours, theirs, x)


@pytest.mark.filterwarnings("ignore:TF32 acceleration")
@pytest.mark.parametrize("size", [(5, 4), (4, 7)])
def test_gradients_of_a_transposed_convolution_with_a_kernel_of_one(size):
    gradients = []
    for fast in (True, False):
        torch.manual_seed(0)
        layer = torchkeras.layers.Conv2DTranspose(3, 1, strides=2, output_padding=1)
        x = torch.rand(2, *size, 2, requires_grad=True)
        with torch.backends.mkldnn.flags(enabled=fast):
            layer.build(x.shape)
            with torch.no_grad():
                layer.kernel.fill_(0.5)
            (layer(x) ** 2).sum().backward()
        gradients.append([x.grad, layer.kernel.grad, layer.bias.grad])
    for ours, plain in zip(*gradients):
        torch.testing.assert_close(ours, plain)


@FORMATS
@SAME_VALID
@pytest.mark.parametrize("name", ["MaxPooling1D", "MaxPooling2D", "MaxPooling3D"])
def test_max_pooling_sweep(name, padding, data_format):
    rank = int(name[-2])
    for size, window, stride in itertools.product((5, 6, 7), (1, 2, 3), (1, 2, 3, None)):
        x = image_of((2, size, *(size - 1,) * (rank - 1), 2), data_format)
        config = {"pool_size": window, "strides": stride}
        config |= {"padding": padding, "data_format": data_format}
        check_pair(*pair_of(name, x.shape, **config), x)


def mean_of_windows(x, window, stride, padding):
    """Pooling as it is defined, window by window; (batch, rows, columns, channels)."""
    sizes = x.shape[1:3]
    if padding == "same":
        counts = [-(-n // stride) for n in sizes]
        before = [max((c - 1) * stride + window - n, 0) // 2 for c, n in zip(counts, sizes)]
    else:
        counts, before = [(n - window) // stride + 1 for n in sizes], [0, 0]
    result = np.empty((x.shape[0], *counts, x.shape[3]), x.dtype)
    for i, j in np.ndindex(*counts):
        top, left = i * stride - before[0], j * stride - before[1]
        part = x[:, max(top, 0) : top + window, max(left, 0) : left + window]
        result[:, i, j] = part.mean((1, 2))
    return result


@FORMATS
@SAME_VALID
def test_average_pooling_sweep(padding, data_format):
    # Not against Keras on torch: with "same" it errs where one axis is padded evenly, another not.
    for size, window, stride in itertools.product((5, 6, 7), (1, 2, 3, 4), (1, 2, 3, 5)):
        x = image_of((2, size, size - 1, 2), "channels_last")
        expected = mean_of_windows(x, window, stride, padding)
        layer = torchkeras.layers.AveragePooling2D(window, stride, padding, data_format)
        first = data_format == "channels_first"
        result = layer(torch.tensor(np.moveaxis(x, -1, 1) if first else x))
        same(result.movedim(1, -1) if first else result, expected)


# ---------------------------------------------------------------- errors

WRONG_ARGUMENTS = [
    ("Dense", {"units": -1}),
    ("Dense", {"units": 3, "what": 1}),
    ("Conv2D", {"filters": 0, "kernel_size": 3}),
    ("Conv2D", {"filters": 3, "kernel_size": (3, 3, 3)}),
    ("Conv2D", {"filters": 3, "kernel_size": 0}),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "strides": 0}),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "strides": 2, "dilation_rate": 2}),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "padding": "causal"}),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "padding": "what"}),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "data_format": "what"}),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "groups": 2}),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "groups": 0}),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "activation": "what"}),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2, "output_padding": 2}),
    ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 0}),
    ("SeparableConv1D", {"filters": 3, "kernel_size": 3, "padding": "causal"}),
    ("MaxPooling2D", {"pool_size": (2, 2, 2)}),
    ("MaxPooling2D", {"pool_size": 0}),
    ("AdaptiveMaxPooling2D", {"output_size": "what"}),
    ("BatchNormalization", {"renorm": True, "renorm_clipping": {"what": 1}}),
    ("BatchNormalization", {"renorm": True, "renorm_clipping": {"rmax": 1, "rmin": 2}}),
    ("LayerNormalization", {"axis": "what"}),
    ("GroupNormalization", {"groups": 0}),
    ("UnitNormalization", {"axis": "what"}),
    ("SpectralNormalization", {"layer": "what"}),
    ("Dropout", {"rate": 1.5}),
    ("Dropout", {"rate": 0.5, "noise_shape": "what"}),
    ("Dropout", {"rate": 0.5, "noise_shape": (0, 1)}),
    ("Dropout", {"rate": 0.5, "noise_shape": 3}),
    ("GaussianNoise", {"stddev": -1}),
    ("AlphaDropout", {"rate": -0.5}),
    ("ReLU", {"max_value": -1}),
    ("ReLU", {"negative_slope": None}),
    ("LeakyReLU", {"negative_slope": -1}),
    ("Dot", {"axes": "what"}),
    ("Dot", {"axes": (1, 2, 3)}),
    ("Dot", {"axes": (1, "2")}),
    ("Reshape", {"target_shape": (-1, -1)}),
    ("Reshape", {"target_shape": (-2, 3)}),
    ("Permute", {"dims": (0, 1)}),
    ("RepeatVector", {"n": 0}),
    ("RepeatVector", {"n": 1.5}),
    ("Cropping2D", {"cropping": (1, 2, 3)}),
    ("Cropping2D", {"cropping": -1}),
    ("ZeroPadding2D", {"padding": (1, 2, 3)}),
    ("UpSampling1D", {"size": "2"}),
    ("UpSampling2D", {"size": (1, 2, 3)}),
    ("Embedding", {"input_dim": 0, "output_dim": 3}),
    ("Embedding", {"input_dim": 3, "output_dim": 1.5}),
]


@pytest.mark.parametrize("name,config", WRONG_ARGUMENTS)
def test_wrong_argument(name, config):
    with pytest.raises(Exception) as expected:
        getattr(keras.layers, name)(**config)
    with pytest.raises(expected.type):
        getattr(torchkeras.layers, name)(**config)


WRONG_INPUTS = [
    ("Dense", {"units": 3}, (4,)),
    ("Conv2D", {"filters": 3, "kernel_size": 3}, (2, 8, 3)),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "groups": 2}, (2, 8, 8, 3)),
    ("MaxPooling2D", {}, (2, 8, 3)),
    ("GlobalAveragePooling2D", {}, (2, 8, 3)),
    ("GroupNormalization", {"groups": 2}, (2, 3)),
    ("GroupNormalization", {"groups": 8}, (2, 4)),
    ("SpatialDropout2D", {"rate": 0.5}, (2, 8, 3)),
    ("Add", {}, [(2, 3), (2, 4)]),
    ("Add", {}, (2, 3)),
    ("Add", {}, [(2, 3), (3, 3)]),
    ("Subtract", {}, [(2, 3), (2, 3), (2, 3)]),
    ("Concatenate", {}, [(2, 3, 4), (2, 4, 4)]),
    ("Concatenate", {}, (2, 3)),
    ("Dot", {"axes": 1}, [(2, 3), (2, 4)]),
    ("Reshape", {"target_shape": (2, 2)}, (2, 3)),
    ("Permute", {"dims": (1, 2)}, (2, 3)),
    ("RepeatVector", {"n": 2}, (2, 3, 4)),
    ("Cropping1D", {"cropping": 3}, (2, 4, 3)),
    ("Cropping2D", {"cropping": 3}, (2, 8, 4, 3)),
    ("ZeroPadding2D", {}, (2, 8, 3)),
    ("UpSampling2D", {}, (2, 8, 3)),
]


@pytest.mark.parametrize("name,config,shape", WRONG_INPUTS)
def test_wrong_input(name, config, shape):
    def inputs():
        if isinstance(shape, list):
            return [torch.zeros(s) for s in shape]
        return torch.zeros(shape)

    with pytest.raises(Exception) as expected:
        getattr(keras.layers, name)(**config)(inputs())
    with pytest.raises(expected.type):
        getattr(torchkeras.layers, name)(**config)(inputs())


@pytest.mark.parametrize("wrong", [-1, 10, 12])
def test_embedding_names_what_is_out_of_range(wrong):
    layer = torchkeras.layers.Embedding(10, 4, name="table")
    with pytest.raises(IndexError, match=rf"table.*\[0, 10\).*Received: value={wrong}"):
        layer(np.array([[1, wrong]]))


# ---------------------------------------------------------------- what only one layer does


def test_embedding_takes_floats_and_initial_weights():
    table = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    layer = torchkeras.layers.Embedding(5, 3, weights=table)
    assert layer.built
    same(layer(np.array([[1.0, 4.9]])), table[[[1, 4]]])
    assert "weights" not in layer.get_config()
    model = torchkeras.Sequential([torchkeras.layers.Embedding(5, 3, input_length=7)])
    assert model.output_shape == (None, 7, 3)


def test_embedding_indices_keep_their_digits_in_mixed_precision():
    layer = torchkeras.layers.Embedding(1000, 2, dtype="mixed_bfloat16")
    tokens = torch.tensor([[513.0, 999.0]])
    result = layer(tokens)
    assert result.dtype is torch.bfloat16
    assert torch.equal(result, layer.embeddings[torch.tensor([[513, 999]])].to(torch.bfloat16))


@pytest.mark.parametrize("shape", [(6, 3), STEPS, IMAGE, VOLUME])
def test_batch_normalization_moves_its_statistics_as_keras(shape):
    """The moving variance is that of the batch, not the unbiased one (checklist 10, 11)."""
    ours, theirs, _ = twins(Case(torchkeras.layers.BatchNormalization, {"momentum": 0.7}, shape))
    generator = np.random.default_rng(3)
    for _ in range(5):
        x = generator.normal(2, 3, shape).astype("float32")
        same(ours(torch.tensor(x), training=True), theirs(torch.tensor(x), training=True))
    for mine, other in zip(ours.weights, theirs.weights):
        same(mine, other.value)
    x = torch.tensor(x)
    same(ours(x, training=False), theirs(x, training=False))


def test_batch_normalization_that_is_not_trained_infers():
    """`trainable = False` means inference mode (checklist 12)."""
    ours, theirs, arrays = twins(Case(torchkeras.layers.BatchNormalization, {}, (6, 3)))
    before = [w.numpy().copy() for w in ours.weights]
    ours.trainable = theirs.trainable = False
    same(ours(tensors(arrays), training=True), theirs(tensors(arrays), training=True))
    assert all(np.array_equal(w.numpy(), b) for w, b in zip(ours.weights, before))
    ours.trainable = theirs.trainable = True
    same(ours(tensors(arrays), training=True), theirs(tensors(arrays), training=True))


@pytest.mark.parametrize("config", [{}, {"renorm": True}, {"scale": False, "center": False}])
def test_batch_normalization_with_a_mask(config):
    """Masked steps do not count in the moments (checklist 12, Keras issue 20815)."""
    ours, theirs, arrays = twins(Case(torchkeras.layers.BatchNormalization, config, STEPS))
    mask = np.random.default_rng(0).random(STEPS[:2]) > 0.4
    found = []
    for layer in (ours, theirs):
        x = torch.tensor(arrays, requires_grad=True)
        y = layer(x, training=True, mask=torch.tensor(mask))
        y.square().sum().backward()
        found.append([y, x.grad])
    for mine, other in zip(*found):
        same(mine, other, scale=10)
    for mine, other in zip(ours.weights, theirs.weights):
        same(mine, other.value)
    with pytest.raises(ValueError, match="one dimension less"):
        ours(tensors(arrays), training=True, mask=torch.ones(2))


def test_batch_normalization_does_not_cancel():
    """E[x²]-E[x]² would lose all digits here (checklist 12)."""
    x = 1000 + torch.randn(512, 3, generator=torch.Generator().manual_seed(0)) * 1e-2
    layer = torchkeras.layers.BatchNormalization(epsilon=1e-9)
    y = layer(x, training=True)
    torch.testing.assert_close(y.std(0, correction=0), torch.ones(3), rtol=1e-3, atol=1e-3)


def test_batch_normalization_stateless():
    layer = torchkeras.layers.BatchNormalization(momentum=0.5)
    x = torch.randn(6, 3) + 4
    layer.build(x.shape)
    before = [w.detach().clone() for w in layer.non_trainable_variables]
    trainable = [w.detach().clone() for w in layer.trainable_variables]
    _, updated = layer.stateless_call(trainable, before, x, training=True)
    assert all(torch.equal(w, b) for w, b in zip(layer.non_trainable_variables, before))
    torch.testing.assert_close(updated[0], x.mean(0) / 2)
    torch.testing.assert_close(updated[1], 0.5 + x.var(0, correction=0) / 2)


def test_batch_normalization_synchronized_alone_is_the_plain_one():
    x = torch.randn(6, 4, 3) + 4
    plain = torchkeras.layers.BatchNormalization()
    shared = torchkeras.layers.BatchNormalization(synchronized=True)
    torch.testing.assert_close(shared(x, training=True), plain(x, training=True))
    for mine, other in zip(shared.weights, plain.weights):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("axis", [1, 2, [1, 3], [3, 1], -2])
def test_layer_normalization_of_axes_in_the_middle(axis):
    # Not against Keras on torch, which fails for most of these.
    x = torch.randn(2, 4, 5, 3, generator=torch.Generator().manual_seed(0))
    axes = tuple(sorted(axis)) if isinstance(axis, list) else (axis,)
    layer = torchkeras.layers.LayerNormalization(axis)
    layer.build(x.shape)
    shape = [1] * 4
    for a in axes:
        shape[a] = x.shape[a]
    gamma, beta = torch.rand(shape), torch.rand(shape)
    layer.set_weights([gamma.squeeze(), beta.squeeze()])
    variance, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
    expected = (x - mean) / torch.sqrt(variance + 1e-3) * gamma + beta
    same(layer(x), expected)
    scaled = torchkeras.layers.RMSNormalization(axis)
    scaled.build(x.shape)
    scaled.set_weights([gamma.squeeze()])
    square = x.square().mean(axes, keepdim=True)
    same(scaled(x), x / torch.sqrt(square + 1e-6) * gamma)


def test_layer_normalization_rms_scaling():
    x = np.random.default_rng(0).normal(size=(2, 5)).astype("float32")
    with pytest.warns(UserWarning, match="rms_scaling"):
        ours = torchkeras.layers.LayerNormalization(rms_scaling=True)
    with pytest.warns(UserWarning, match="rms_scaling"):
        expected = keras.layers.LayerNormalization(rms_scaling=True)(x)
    same(ours(x), expected)
    assert ours.get_config()["rms_scaling"] is True


def test_group_normalization_in_the_middle():
    x = torch.randn(2, 6, 5, 3, generator=torch.Generator().manual_seed(0))
    result = torchkeras.layers.GroupNormalization(3, axis=1)(x)
    groups = x.reshape(2, 3, 2, 5, 3)
    variance, mean = torch.var_mean(groups, (2, 3, 4), correction=0, keepdim=True)
    same(result, ((groups - mean) / torch.sqrt(variance + 1e-3)).reshape(x.shape))


def test_dropout_draws_from_torch_unless_it_has_a_seed():
    x = torch.ones(100, 100)
    layer = torchkeras.layers.Dropout(0.3)
    torch.manual_seed(5)
    first = layer(x, training=True)
    torch.manual_seed(5)
    assert torch.equal(first, torch.nn.functional.dropout(x, 0.3))
    kept = first != 0
    assert abs(kept.float().mean() - 0.7) < 0.02
    torch.testing.assert_close(first[kept], torch.full((int(kept.sum()),), 1 / 0.7))
    assert torchkeras.layers.Dropout(1.0)(x, training=True).sum() == 0


@pytest.mark.parametrize("name", ["SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"])
def test_spatial_dropout_drops_whole_maps(name):
    shape = (8, *(3,) * int(name[-2]), 16)
    y = getattr(torchkeras.layers, name)(0.5)(torch.ones(shape), training=True)
    maps = y.flatten(1, -2)
    assert ((maps == 0).all(1) | (maps == 2).all(1)).all()
    assert (maps == 0).any() and (maps == 2).any()


def test_noises_keep_what_they_promise():
    x = torch.randn(200, 500)
    y = torchkeras.layers.AlphaDropout(0.2)(torch.nn.functional.selu(x), training=True)
    assert abs(y.mean()) < 0.02 and abs(y.std() - 1) < 0.02
    noise = torchkeras.layers.GaussianNoise(0.3)(torch.zeros(200, 500), training=True)
    assert abs(noise.std() - 0.3) < 0.01
    factors = torchkeras.layers.GaussianDropout(0.3)(torch.ones(200, 500), training=True)
    assert abs(factors.mean() - 1) < 0.01 and abs(factors.std() - (3 / 7) ** 0.5) < 0.01


def test_spectral_normalization_bounds_the_kernel():
    layer = torchkeras.layers.SpectralNormalization(torchkeras.layers.Dense(5), power_iterations=50)
    layer(torch.randn(2, 4), training=True)
    assert abs(torch.linalg.matrix_norm(layer.layer.kernel.detach(), 2) - 1) < 1e-3


def test_leaky_relu_knows_its_old_argument():
    with pytest.warns(UserWarning, match="alpha"):
        layer = torchkeras.layers.LeakyReLU(alpha=0.1)
    assert layer.negative_slope == 0.1


def test_rescaling_in_channels_first():
    before = torchkeras.config.image_data_format()
    x = torch.arange(12.0).reshape(1, 3, 2, 2)
    try:
        torchkeras.config.set_image_data_format("channels_first")
        y = torchkeras.layers.Rescaling([1.0, 2.0, 3.0])(x)
    finally:
        torchkeras.config.set_image_data_format(before)
    same(y, x * torch.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1))


@pytest.mark.parametrize("name", ["add", "average", "maximum", "minimum", "multiply", "subtract"])
def test_merge_functions(name):
    pair = [torch.randn(2, 3), torch.randn(2, 3)]
    same(getattr(torchkeras.layers, name)(pair), getattr(keras.layers, name)(pair))
    inputs = [torchkeras.Input((3,)), torchkeras.Input((3,))]
    assert getattr(torchkeras.layers, name)(inputs, name="merged").shape == (None, 3)


def test_concatenate_and_dot_functions():
    pair = [torch.randn(2, 3, 4), torch.randn(2, 3, 4)]
    for library in (torchkeras, keras):
        assert library.layers.concatenate(pair, axis=1).shape == (2, 6, 4)
    same(
        torchkeras.layers.dot(pair, axes=(1, 1), normalize=True),
        keras.layers.dot(pair, axes=(1, 1), normalize=True),
    )


@FORMATS
def test_convolution_with_another_operation(data_format):
    found = []
    for library in (torchkeras, keras):

        class Standardized(library.layers.Conv2D):
            def convolution_op(self, inputs, kernel):
                return super().convolution_op(inputs, kernel * 2.0)

        layer = Standardized(3, 2, bias_initializer="ones", data_format=data_format)
        x = torch.tensor(image_of((2, 5, 5, 2), data_format))
        layer(x)
        layer.set_weights([np.ones((2, 2, 2, 3)), np.arange(3.0)])
        found.append(layer(x))
    same(*found)


# ---------------------------------------------------------------- memory and compilation


@pytest.mark.parametrize(
    "layer",
    [
        torchkeras.layers.Conv2D(8, 3, padding="same", activation="relu"),
        torchkeras.layers.Conv2D(8, 3, strides=2),
        torchkeras.layers.DepthwiseConv2D(3),
        torchkeras.layers.Conv2DTranspose(8, 3, strides=2, padding="valid"),
        torchkeras.layers.MaxPooling2D(),
        torchkeras.layers.AveragePooling2D(2),
        torchkeras.layers.BatchNormalization(),
    ],
    ids=lambda layer: layer.name,
)
def test_images_are_not_copied(layer):
    """channels_last costs no transposition: no copy in the profile, and outputs are contiguous."""
    x = torch.randn(2, 16, 16, 8)
    layer(x)
    with torch.profiler.profile() as profile:
        y = layer(x)
    assert y.is_contiguous()
    copies = {"aten::contiguous", "aten::clone", "aten::copy_", "aten::_to_copy"}
    assert {event.name for event in profile.events()} & copies == set()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute")
@all_cases
def test_compiles_whole(case):
    if case.config.get("seed") is not None and case.layer.__name__ != "Dropout":
        pytest.skip("a seed is drawn in Python")
    ours, _, arrays = twins(case)
    torch.compiler.reset()
    compiled = torch.compile(ours, fullgraph=True, backend="aot_eager")
    same(compiled(tensors(arrays), **case.call), ours(tensors(arrays), **case.call))
    if takes_training(case) and "Dropout" not in case.layer.__name__ and not case.random:
        copies = [w.detach().clone() for w in ours.weights]
        result = compiled(tensors(arrays), training=True, **case.call)
        ours.set_weights(copies)
        same(result, ours(tensors(arrays), training=True, **case.call))


# ------------------------------------------------------------------ every layer has a row

# Layers whose rows are tests of their own.
ELSEWHERE = {
    "Convolution2D": "test_legacy.test_old_arguments_make_the_layer_of_today",
    "Convolution3D": "test_legacy.test_old_arguments_make_the_layer_of_today",
    "FlaxLayer": "test_layers_preprocessing.test_layers_of_other_frameworks",
    "GRUCell": "test_layers_recurrent.test_cell_alone",
    "GroupedQueryAttention": "test_layers_recurrent.test_heads",
    "InputLayer": "test_models.test_describes_itself_as_keras",
    "JaxLayer": "test_layers_preprocessing.test_layers_of_other_frameworks",
    "LSTMCell": "test_layers_recurrent.test_cell_alone",
    "Lambda": "test_layers_recurrent.test_lambda",
    "Layer": "test_layers_recurrent.test_cell_of_a_user",
    "MultiHeadAttention": "test_layers_recurrent.test_heads",
    "Pipeline": "test_layers_preprocessing.test_pipeline",
    "SeparableConvolution2D": "test_legacy.test_old_arguments_make_the_layer_of_today",
    "SimpleRNNCell": "test_layers_recurrent.test_cell_alone",
    "StackedRNNCells": "test_layers_recurrent.test_stacked_cells",
    "TFSMLayer": "test_layers_preprocessing.test_layers_of_other_frameworks",
    "TorchModuleWrapper": "test_layers_preprocessing.test_module_arguments",
    "Wrapper": "test_layers_recurrent.test_wrappers_want_layers",
}


def test_every_layer_has_a_row():
    """Keras 3's; those that only older versions had have theirs in test_legacy.py."""
    rows = set()
    for module in (layers_rows, layers_images, layers_preprocessing):
        for value in vars(module).values():
            value = value() if inspect.isgeneratorfunction(value) else value
            for row in value if isinstance(value, list | tuple | types.GeneratorType) else ():
                layer = getattr(row, "layer", None)
                rows.add(getattr(layer, "__name__", layer))
    rows |= {row.layer.__name__ for row in layers_recurrent.CASES}
    for name, place in ELSEWHERE.items():
        file, _, test = place.partition(".")
        text = pathlib.Path(__file__).with_name(f"{file}.py").read_text()
        assert f"def {test}(" in text, f"{place} is not there"
        rows.add(name)
    public = {name for name, found in vars(keras.layers).items() if inspect.isclass(found)}
    lacking = {
        name
        for name in public - {"InputSpec"}
        if getattr(torchkeras.layers, name).__name__ not in rows
    }
    assert not lacking
