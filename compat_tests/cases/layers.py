"""Rows for the layers: what each is made with and called on, to be compared with real Keras."""

from dataclasses import dataclass, field
from typing import Any

from torchkeras import layers


@dataclass(frozen=True)
class Case:
    """A layer, its arguments and the shape it is called on; a list of shapes for several inputs."""

    layer: type
    config: dict[str, Any] = field(default_factory=dict)
    shape: tuple | list = (2, 3)
    integers: int = 0  # inputs are integers below it
    random: bool = False  # draws from a generator that real Keras does not share
    call: dict[str, Any] = field(default_factory=dict)  # further arguments of the call
    gradients: bool = True
    unknown: bool = True  # whether sizes may be unknown beside the batch

    def __str__(self):
        arguments = ", ".join(f"{k}={v}" for k, v in self.config.items())
        return f"{self.layer.__name__}({arguments})-{self.shape}".replace(" ", "")

    @property
    def shapes(self):
        return self.shape if isinstance(self.shape, list) else [self.shape]


@dataclass(frozen=True)
class Inner:
    """A layer inside the arguments of another."""

    layer: type
    config: dict[str, Any]

    def __str__(self):
        return self.layer.__name__

    __repr__ = __str__


FIRST = {"data_format": "channels_first"}
IMAGE = (2, 7, 6, 4)
STEPS = (2, 9, 4)
VOLUME = (2, 5, 4, 6, 4)
WEIGHTED = {
    "kernel_initializer": "he_normal",
    "bias_initializer": "ones",
    "kernel_regularizer": "l2",
    "kernel_constraint": "max_norm",
    "activity_regularizer": "l2",
}

CORE = [
    Case(layers.Dense, {"units": 4}, (2, 3)),
    Case(layers.Dense, {"units": 4, "activation": "relu", **WEIGHTED}, (2, 5, 3)),
    Case(layers.Dense, {"units": 4, "use_bias": False}, (2, 5, 6, 3)),
    Case(layers.Dense, {"units": 4}, (2, 3), integers=5),
    Case(layers.Activation, {"activation": "tanh"}, (2, 3)),
    Case(layers.Identity, {}, (2, 3)),
]

CONVOLUTIONAL = [
    Case(layers.Conv1D, {"filters": 6, "kernel_size": 3}, STEPS),
    Case(layers.Conv1D, {"filters": 6, "kernel_size": 3, "padding": "causal"}, STEPS),
    Case(
        layers.Conv1D,
        {"filters": 6, "kernel_size": 2, "padding": "causal", "dilation_rate": 3},
        STEPS,
    ),
    Case(layers.Conv1D, {"filters": 6, "kernel_size": 4, "strides": 2, "padding": "same"}, STEPS),
    Case(layers.Conv1D, {"filters": 6, "kernel_size": 3, **FIRST}, (2, 4, 9)),
    Case(layers.Conv1D, {"filters": 6, "kernel_size": 3, "padding": "causal", **FIRST}, (2, 4, 9)),
    Case(layers.Conv2D, {"filters": 6, "kernel_size": 3}, IMAGE),
    Case(layers.Conv2D, {"filters": 6, "kernel_size": (1, 1), "use_bias": False}, IMAGE),
    Case(layers.Conv2D, {"filters": 6, "kernel_size": 3, "groups": 2, "activation": "relu"}, IMAGE),
    Case(layers.Conv2D, {"filters": 6, "kernel_size": (3, 2), "strides": (1, 2)}, IMAGE),
    Case(layers.Conv2D, {"filters": 6, "kernel_size": 3, "padding": "same", **WEIGHTED}, IMAGE),
    Case(layers.Conv2D, {"filters": 6, "kernel_size": 3, "padding": "same", **FIRST}, (2, 4, 7, 6)),
    Case(layers.Conv3D, {"filters": 6, "kernel_size": 2, "strides": 2, "padding": "same"}, VOLUME),
    Case(layers.Conv3D, {"filters": 6, "kernel_size": 2, **FIRST}, (2, 4, 5, 4, 6)),
    Case(layers.Conv1DTranspose, {"filters": 6, "kernel_size": 3, "strides": 2}, STEPS),
    Case(layers.Conv1DTranspose, {"filters": 6, "kernel_size": 3, **FIRST}, (2, 4, 9)),
    Case(
        layers.Conv2DTranspose,
        {"filters": 6, "kernel_size": 3, "strides": 2, "padding": "same", **WEIGHTED},
        IMAGE,
    ),
    Case(
        layers.Conv2DTranspose,
        {"filters": 6, "kernel_size": 4, "strides": 2, "output_padding": 1, "activation": "relu"},
        IMAGE,
    ),
    Case(
        layers.Conv2DTranspose,
        {"filters": 6, "kernel_size": 3, "strides": (2, 1), "padding": "same", **FIRST},
        (2, 4, 7, 6),
    ),
    Case(layers.Conv3DTranspose, {"filters": 6, "kernel_size": 2, "strides": 2}, VOLUME),
    Case(layers.DepthwiseConv1D, {"kernel_size": 3, "depth_multiplier": 2}, STEPS),
    Case(layers.DepthwiseConv1D, {"kernel_size": 3, "strides": 2, "padding": "same"}, STEPS),
    Case(layers.DepthwiseConv2D, {"kernel_size": 3, "depth_multiplier": 2}, IMAGE),
    Case(layers.DepthwiseConv2D, {"kernel_size": 3, "padding": "same", **FIRST}, (2, 4, 7, 6)),
    Case(
        layers.DepthwiseConv2D,
        {"kernel_size": 2, "depthwise_regularizer": "l2", "depthwise_initializer": "ones"},
        IMAGE,
    ),
    Case(layers.SeparableConv1D, {"filters": 6, "kernel_size": 3, "depth_multiplier": 2}, STEPS),
    Case(layers.SeparableConv2D, {"filters": 6, "kernel_size": 3, "activation": "relu"}, IMAGE),
    Case(
        layers.SeparableConv2D,
        {"filters": 6, "kernel_size": 3, "strides": 2, "padding": "same", "depth_multiplier": 2},
        IMAGE,
    ),
    Case(layers.SeparableConv2D, {"filters": 6, "kernel_size": 3, **FIRST}, (2, 4, 7, 6)),
]

POOLING = [
    Case(layers.MaxPooling1D, {}, STEPS),
    Case(layers.MaxPooling1D, {"pool_size": 3, "strides": 1, "padding": "same"}, STEPS),
    Case(layers.MaxPooling1D, {"pool_size": 2, **FIRST}, (2, 4, 9)),
    Case(layers.MaxPooling2D, {}, IMAGE),
    Case(layers.MaxPooling2D, {"pool_size": (3, 2), "strides": 2, "padding": "same"}, IMAGE),
    Case(layers.MaxPooling2D, {"pool_size": 3, "strides": 1, **FIRST}, (2, 4, 7, 6)),
    Case(layers.MaxPooling3D, {}, VOLUME),
    Case(layers.AveragePooling1D, {"pool_size": 2}, STEPS),
    Case(layers.AveragePooling2D, {"pool_size": 2}, IMAGE),
    Case(layers.AveragePooling2D, {"pool_size": 3, "strides": 1, "padding": "same"}, IMAGE),
    Case(layers.AveragePooling2D, {"pool_size": 2, "padding": "same", **FIRST}, (2, 4, 7, 6)),
    Case(layers.AveragePooling3D, {"pool_size": 2, "padding": "same"}, VOLUME),
    Case(layers.GlobalMaxPooling1D, {}, STEPS),
    Case(layers.GlobalMaxPooling1D, {"keepdims": True, **FIRST}, (2, 4, 9)),
    Case(layers.GlobalMaxPooling2D, {}, IMAGE),
    Case(layers.GlobalMaxPooling2D, {"keepdims": True}, IMAGE),
    Case(layers.GlobalMaxPooling3D, {}, VOLUME),
    Case(layers.GlobalAveragePooling1D, {}, STEPS),
    Case(layers.GlobalAveragePooling1D, {"keepdims": True, **FIRST}, (2, 4, 9)),
    Case(layers.GlobalAveragePooling2D, {}, IMAGE),
    Case(layers.GlobalAveragePooling2D, {"keepdims": True, **FIRST}, (2, 4, 7, 6)),
    Case(layers.GlobalAveragePooling3D, {}, VOLUME),
    Case(layers.AdaptiveAveragePooling1D, {"output_size": 4}, STEPS),
    Case(layers.AdaptiveAveragePooling2D, {"output_size": (3, 2)}, IMAGE),
    Case(layers.AdaptiveAveragePooling2D, {"output_size": 3, **FIRST}, (2, 4, 7, 6)),
    Case(layers.AdaptiveAveragePooling3D, {"output_size": 2}, VOLUME),
    Case(layers.AdaptiveMaxPooling1D, {"output_size": 4}, STEPS),
    Case(layers.AdaptiveMaxPooling2D, {"output_size": (3, 2)}, IMAGE),
    Case(layers.AdaptiveMaxPooling2D, {"output_size": 3, **FIRST}, (2, 4, 7, 6)),
    Case(layers.AdaptiveMaxPooling3D, {"output_size": 2}, VOLUME),
]

NORMALIZATION = [
    Case(layers.BatchNormalization, {}, (6, 3)),
    Case(layers.BatchNormalization, {"momentum": 0.5, "epsilon": 1e-5}, IMAGE),
    Case(layers.BatchNormalization, {"axis": 1}, IMAGE),
    Case(layers.BatchNormalization, {"axis": 2, "scale": False}, IMAGE),
    Case(layers.BatchNormalization, {"center": False}, STEPS),
    Case(layers.BatchNormalization, {"scale": False, "center": False}, VOLUME),
    Case(
        layers.BatchNormalization, {"beta_regularizer": "l2", "gamma_initializer": "zeros"}, (6, 3)
    ),
    Case(layers.BatchNormalization, {}, (1, 3)),
    Case(layers.BatchNormalization, {"renorm": True, "momentum": 0.5}, (6, 3)),
    Case(
        layers.BatchNormalization,
        {
            "renorm": True,
            "renorm_clipping": {"rmin": 0.5, "rmax": 1.1, "dmax": 0.1},
            "scale": False,
        },
        IMAGE,
    ),
    Case(layers.LayerNormalization, {}, (2, 3)),
    Case(layers.LayerNormalization, {"epsilon": 1e-5, "center": False}, STEPS),
    Case(layers.LayerNormalization, {"axis": [1, 3], "scale": False}, IMAGE, unknown=False),
    Case(layers.LayerNormalization, {"axis": [2, 3]}, IMAGE, unknown=False),
    Case(layers.GroupNormalization, {"groups": 2}, IMAGE),
    Case(layers.GroupNormalization, {"groups": -1}, STEPS),
    Case(layers.GroupNormalization, {"groups": 1, "axis": 1}, IMAGE),
    Case(
        layers.GroupNormalization, {"groups": 3, "axis": 2, "center": False}, IMAGE, unknown=False
    ),
    Case(layers.GroupNormalization, {"groups": 2, "scale": False}, (2, 4)),
    Case(layers.RMSNormalization, {}, STEPS),
    Case(layers.RMSNormalization, {"axis": [1, 2], "epsilon": 1e-3}, STEPS, unknown=False),
    Case(layers.UnitNormalization, {}, (2, 3)),
    Case(layers.UnitNormalization, {"axis": [1, 2]}, STEPS),
    Case(layers.SpectralNormalization, {"layer": Inner(layers.Dense, {"units": 4})}, (2, 3)),
    Case(
        layers.SpectralNormalization,
        {"layer": Inner(layers.Conv2D, {"filters": 3, "kernel_size": 2}), "power_iterations": 3},
        IMAGE,
    ),
]

NOISE = [
    Case(layers.Dropout, {"rate": 0.5, "seed": 3}, (4, 30)),
    Case(layers.Dropout, {"rate": 0.5, "noise_shape": (None, 1, 4), "seed": 3}, STEPS),
    Case(layers.Dropout, {"rate": 0.5}, (4, 30), random=True),
    Case(layers.Dropout, {"rate": 0.5, "noise_shape": (2, 1, 4)}, STEPS, random=True),
    Case(layers.Dropout, {"rate": 0.0}, (4, 30)),
    Case(layers.AlphaDropout, {"rate": 0.3, "seed": 3}, (4, 30)),
    Case(layers.AlphaDropout, {"rate": 0.3, "noise_shape": (4, 1), "seed": 3}, (4, 30)),
    Case(layers.AlphaDropout, {"rate": 0.3}, (4, 30), random=True),
    Case(layers.SpatialDropout1D, {"rate": 0.5, "seed": 3}, STEPS),
    Case(layers.SpatialDropout2D, {"rate": 0.5, "seed": 3}, IMAGE),
    Case(layers.SpatialDropout2D, {"rate": 0.5, "seed": 3, **FIRST}, IMAGE),
    Case(layers.SpatialDropout2D, {"rate": 0.5}, IMAGE, random=True),
    Case(layers.SpatialDropout3D, {"rate": 0.5, "seed": 3}, VOLUME),
    Case(layers.GaussianDropout, {"rate": 0.3, "seed": 3}, (4, 30)),
    Case(layers.GaussianDropout, {"rate": 0.3}, (4, 30), random=True),
    Case(layers.GaussianNoise, {"stddev": 0.3, "seed": 3}, (4, 30)),
    Case(layers.GaussianNoise, {"stddev": 0.3}, (4, 30), random=True),
    Case(layers.ActivityRegularization, {"l1": 0.1, "l2": 0.2}, (4, 3)),
]

ACTIVATIONS = [
    Case(layers.ReLU, {}, (4, 6)),
    Case(layers.ReLU, {"max_value": 0.5, "negative_slope": 0.1, "threshold": 0.2}, (4, 6)),
    Case(layers.ReLU, {"max_value": 6}, (4, 6)),
    Case(layers.LeakyReLU, {}, (4, 6)),
    Case(layers.LeakyReLU, {"negative_slope": 0.1}, (4, 6)),
    Case(layers.ELU, {"alpha": 0.5}, (4, 6)),
    Case(layers.PReLU, {}, (4, 6)),
    Case(layers.PReLU, {"shared_axes": [1, 2], "alpha_initializer": "ones"}, IMAGE),
    Case(layers.Softmax, {}, (4, 6)),
    Case(layers.Softmax, {"axis": 1}, STEPS),
    Case(layers.Softmax, {"axis": [1, 2]}, STEPS),
]

PAIR = [(2, 5, 4), (2, 5, 4)]
MERGE = [
    Case(layers.Add, {}, [(2, 3), (2, 3), (2, 3)]),
    Case(layers.Add, {}, [(2, 5, 4), (2, 1, 4)]),
    Case(layers.Add, {}, [(2, 5, 4), (2, 4)]),
    Case(layers.Subtract, {}, PAIR),
    Case(layers.Average, {}, [(2, 3), (2, 3), (2, 3)]),
    Case(layers.Multiply, {}, PAIR),
    Case(layers.Maximum, {}, [(2, 3), (2, 3), (2, 3)]),
    Case(layers.Minimum, {}, PAIR),
    Case(layers.Concatenate, {}, [(2, 5, 4), (2, 5, 3)]),
    Case(layers.Concatenate, {"axis": 1}, [(2, 5, 4), (2, 3, 4), (2, 1, 4)]),
    Case(layers.Dot, {"axes": 1}, [(2, 3), (2, 3)]),
    Case(layers.Dot, {"axes": -1, "normalize": True}, [(2, 5, 4), (2, 3, 4)]),
    Case(layers.Dot, {"axes": (1, 2)}, [(2, 3, 5), (2, 10, 3)], unknown=False),
    Case(layers.Dot, {"axes": (2, 1)}, [(2, 6, 3, 5), (2, 3)], unknown=False),
    Case(layers.Dot, {"axes": (1, 3)}, [(2, 3), (2, 5, 6, 3)], unknown=False),
]

RESHAPING = [
    Case(layers.Flatten, {}, IMAGE),
    Case(layers.Flatten, FIRST, IMAGE),
    Case(layers.Reshape, {"target_shape": (6, 7, -1)}, IMAGE),
    Case(layers.Reshape, {"target_shape": (4, 42)}, IMAGE),
    Case(layers.Reshape, {"target_shape": (-1,)}, IMAGE),
    Case(layers.Permute, {"dims": (3, 1, 2)}, IMAGE),
    Case(layers.RepeatVector, {"n": 3}, (2, 4)),
    Case(layers.Cropping1D, {"cropping": (1, 2)}, STEPS),
    Case(layers.Cropping1D, {"cropping": 1}, STEPS),
    Case(layers.Cropping2D, {"cropping": ((1, 0), (2, 1))}, IMAGE),
    Case(layers.Cropping2D, {"cropping": (1, 2), **FIRST}, (2, 4, 7, 6)),
    Case(layers.Cropping2D, {}, IMAGE),
    Case(layers.Cropping3D, {"cropping": 1}, VOLUME),
    Case(layers.Cropping3D, {"cropping": ((1, 0), (0, 1), (2, 2)), **FIRST}, (2, 4, 5, 4, 6)),
    Case(layers.ZeroPadding1D, {"padding": (1, 2)}, STEPS),
    Case(layers.ZeroPadding1D, {"padding": 2, **FIRST}, (2, 4, 9)),
    Case(layers.ZeroPadding2D, {"padding": ((1, 0), (2, 1))}, IMAGE),
    Case(layers.ZeroPadding2D, {"padding": (1, 2), **FIRST}, (2, 4, 7, 6)),
    Case(layers.ZeroPadding3D, {}, VOLUME),
    Case(layers.UpSampling1D, {"size": 3}, STEPS),
    Case(layers.UpSampling2D, {"size": (2, 3)}, IMAGE),
    Case(layers.UpSampling2D, {"size": 2, **FIRST}, (2, 4, 7, 6)),
    Case(layers.UpSampling2D, {"interpolation": "bilinear"}, IMAGE),
    Case(layers.UpSampling2D, {"interpolation": "bilinear", **FIRST}, (2, 4, 7, 6)),
    Case(layers.UpSampling2D, {"size": (3, 2), "interpolation": "bilinear"}, IMAGE),
    Case(layers.UpSampling3D, {"size": (2, 1, 3)}, VOLUME),
]

EMBEDDINGS = [
    Case(layers.Embedding, {"input_dim": 10, "output_dim": 4}, (2, 5), integers=10),
    Case(
        layers.Embedding,
        {"input_dim": 10, "output_dim": 4, "mask_zero": True, "embeddings_regularizer": "l2"},
        (2, 5),
        integers=10,
    ),
    Case(layers.ReversibleEmbedding, {"input_dim": 10, "output_dim": 4}, (2, 5), integers=10),
    Case(
        layers.ReversibleEmbedding,
        {"input_dim": 10, "output_dim": 4, "tie_weights": False, "logit_soft_cap": 0.5},
        (2, 5, 4),
        call={"reverse": True},
        unknown=False,
    ),
]

NUMERIC = [
    Case(layers.Rescaling, {"scale": 1 / 255, "offset": -0.5}, IMAGE),
    Case(layers.Rescaling, {"scale": 1 / 255}, IMAGE, integers=256),
    Case(layers.Rescaling, {"scale": [1.0, 2.0, 3.0, 4.0], "offset": [0.0, 1.0, 2.0, 3.0]}, IMAGE),
]

CASES = [
    *CORE,
    *CONVOLUTIONAL,
    *POOLING,
    *NORMALIZATION,
    *NOISE,
    *ACTIVATIONS,
    *MERGE,
    *RESHAPING,
    *EMBEDDINGS,
    *NUMERIC,
]
