"""What all image classifiers share: arguments, input, head and weight files."""

import inspect
import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from torchkeras import activations, config, layers
from torchkeras._errors import one_of, received
from torchkeras._symbolic import KerasTensor
from torchkeras.applications.imagenet_utils import obtain_input_shape
from torchkeras.models import Model
from torchkeras.models._functional import Functional
from torchkeras.utils import get_file, get_source_inputs

__all__ = ["STORAGE", "ImageClassifier", "channel_axis", "image_input", "multiple_of", "spatial"]

STORAGE = "https://storage.googleapis.com/tensorflow/keras-applications/"

# Argument -> default and text; {...} is filled in from the model.
ARGUMENTS = {
    "include_top": (True, "with the layers that classify, not only those that find features."),
    "weights": (
        "imagenet",
        "None for random ones, {variants} for those trained on ImageNet (downloaded once,\n"
        "        to the folder `models` of the cache), or the path of a weights file.",
    ),
    "input_tensor": (None, "a symbolic image to compute from, in place of a new input."),
    "input_shape": (
        None,
        "shape of an image without the batch axis, by default {size} pixels high and wide,\n"
        "        or of any size without `include_top`; {smallest} pixels at least.",
    ),
    "pooling": (
        None,
        'without `include_top`, "avg" or "max" for one vector per image, None for the map of\n'
        "        features.",
    ),
    "classes": (1000, "how many the head tells apart; ImageNet's weights have 1000."),
    "classifier_activation": (
        "softmax",
        "of the last layer, None for logits; only these two with weights.",
    ),
    "include_preprocessing": (True, "with the layers that scale the pixels."),
    "alpha": (1.0, "factor by which the layers are wider."),
    "depth_multiplier": (1, "channels that each depthwise convolution makes of one."),
    "dropout": (0.001, "rate of the dropout before the head."),
    "dropout_rate": (0.2, "rate of the dropout before the head."),
    "minimalistic": (False, "without squeeze-and-excite, hard swish and 5x5 kernels."),
    "name": (None, "of the model."),
    "model_name": (None, "name of the model."),
}


def channel_axis(last: int = 3) -> int:
    """The axis of channels in a batch of images; `last` is how the last one is written."""
    return last if config.image_data_format() == "channels_last" else 1


def spatial(shape: tuple) -> tuple:
    """Height and width from the shape of an image without the batch axis."""
    return shape[:2] if config.image_data_format() == "channels_last" else shape[1:]


def multiple_of(divisor: int, value: float, keep: float = 0.9) -> int:
    """The multiple of `divisor` next to `value`, but not less than the share `keep` of it."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return int(rounded + divisor if rounded < keep * value else rounded)


class ImageClassifier:
    """What makes the models of one paper; each instance is one of them.

    Subclasses draw the layers in `features`, and in `top` where the head is a special one.

    Args:
        title: name of the function.
        hashes: of the weight files with and without head.
        **settings: what tells the model from others of its family, kept as attributes.
    """

    # What help() says: the paper, and what values of pixels the model is made for.
    paper = ""
    pixels = ""
    # Arguments in order, and defaults that differ from those of ARGUMENTS.
    arguments = (
        "include_top weights input_tensor input_shape pooling classes classifier_activation name"
    )
    name = None
    key = None  # of the weight files; the name where None
    size = 224
    smallest = 32
    channels_first = True  # whether the model can be made in this format, too
    names_pooling = False  # whether pooling without head is called avg_pool and max_pool
    variants = ("imagenet",)
    folder = STORAGE
    file = "{key}_weights_tf_dim_ordering_tf_kernels{part}.h5"
    parts = ("", "_notop")

    def __init__(self, title: str, hashes: tuple = (None, None), **settings: Any):
        self.title = title
        self.hashes = hashes
        vars(self).update(settings)

    # ---- what families define

    def features(self, x: KerasTensor, options: SimpleNamespace) -> KerasTensor:
        """The feature map of an image."""
        raise NotImplementedError

    def top(self, x: KerasTensor, options: SimpleNamespace) -> KerasTensor:
        """The predictions for a feature map."""
        return self.dense(layers.GlobalAveragePooling2D(name="avg_pool")(x), options)

    def dense(self, x: KerasTensor, options: SimpleNamespace, **kwargs: Any) -> KerasTensor:
        """The last layer, of which there is one per model, called `predictions`."""
        activation = options.classifier_activation
        kwargs = {"name": "predictions", **kwargs}
        return layers.Dense(options.classes, activation=activation, **kwargs)(x)

    def pooled(self, x: KerasTensor, options: SimpleNamespace) -> KerasTensor:
        """The output without head."""
        if options.pooling is None:
            return x
        kind = {"avg": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}
        name = f"{options.pooling}_pool" if self.names_pooling else None
        return kind[options.pooling](name=name)(x)

    def settle(self, options: SimpleNamespace) -> None:
        """Checks the arguments, and gives `input_shape` and `name` their values."""
        options.input_shape = self.shape_of(options, self.size)

    def weight_file(self, options: SimpleNamespace) -> tuple[str, str | None, str]:
        """Name in the cache, hash and address of the file of ImageNet's weights."""
        without_top = not options.include_top
        key = self.key or self.name
        name = self.file.format(key=key, part=self.parts[without_top])
        return name, self.hashes[without_top], f"{self.folder}{name}"

    # ---- what is the same for all

    def shape_of(self, options: SimpleNamespace, size: int) -> tuple:
        """The shape of the input, where `size` is what it has by default."""
        return obtain_input_shape(
            options.input_shape,
            default_size=size,
            min_size=self.smallest,
            data_format=config.image_data_format(),
            require_flatten=options.include_top,
            weights=options.weights,
        )

    def build(self, options: SimpleNamespace) -> Model:
        """The model that a call of the function asks for."""
        self._check(options)
        self.settle(options)
        image = image_input(options)
        x = self.features(image, options)
        x = self.top(x, options) if options.include_top else self.pooled(x, options)
        given = options.input_tensor is not None
        model = Functional(get_source_inputs(image) if given else image, x, name=options.name)
        if options.pretrained:
            name, file_hash, origin = self.weight_file(options)
            options.weights = get_file(name, origin, cache_subdir="models", file_hash=file_hash)
        if options.weights is not None:
            model.load_weights(options.weights)
        return model

    def _check(self, options: SimpleNamespace) -> None:
        if not self.channels_first and config.image_data_format() == "channels_first":
            raise ValueError(
                f"{self.title} does not support the `channels_first` image data format. Call "
                "`keras.config.set_image_data_format('channels_last')` before. "
                + received(image_data_format="channels_first")
            )
        weights = options.weights
        options.pretrained = weights in self.variants
        if not (weights is None or options.pretrained or os.path.exists(weights)):
            raise ValueError(
                "The `weights` argument should be either `None` (random initialization), "
                f"{self._variants_text()} (pre-training on ImageNet), or the path to the weights "
                "file to be loaded. " + received(weights=weights)
            )
        if options.pretrained and options.include_top and options.classes != 1000:
            raise ValueError(
                "If using `weights='imagenet'` with `include_top=True`, `classes` should be 1000. "
                + received(classes=options.classes)
            )
        if options.include_top:
            _check_activation(options)
        else:
            one_of("pooling", options.pooling, (None, "avg", "max"))

    def _variants_text(self) -> str:
        return " or ".join(f"'{variant}'" for variant in self.variants)

    def function(self, module: str) -> Callable[..., Model]:
        """The public function, as of that module."""
        signature = inspect.Signature(
            [
                inspect.Parameter(
                    name,
                    inspect.Parameter.POSITIONAL_OR_KEYWORD,
                    default=self.name if name.endswith("name") else ARGUMENTS[name][0],
                )
                for name in self.arguments.split()
            ]
        )

        def function(*args, **kwargs):
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(f"{self.title}() {error}") from None
            bound.apply_defaults()
            return self.build(SimpleNamespace(**bound.arguments))

        function.__signature__ = signature
        function.__name__ = function.__qualname__ = self.title
        function.__module__ = module
        function.__doc__ = self._docstring()
        return function

    def _docstring(self) -> str:
        filled = {
            "variants": self._variants_text(),
            "size": self.size,
            "smallest": self.smallest,
        }
        lines = [f"    {n}: {ARGUMENTS[n][1].format(**filled)}" for n in self.arguments.split()]
        parts = [
            f"{self.title}, an image classifier, with weights trained on ImageNet if wanted.",
            f"Paper: {self.paper}",
            self.pixels,
            "Args:\n" + "\n".join(lines),
            "Raises:\n    ValueError: arguments that do not go together, or a file not found.",
        ]
        return "\n\n".join(parts) + "\n"


def image_input(options: SimpleNamespace) -> KerasTensor:
    """What a model computes from: `input_tensor`, else an input of `input_shape`."""
    if options.input_tensor is None:
        return layers.Input(shape=options.input_shape)
    if isinstance(options.input_tensor, KerasTensor):
        return options.input_tensor
    return layers.Input(tensor=options.input_tensor, shape=options.input_shape)


def _check_activation(options: SimpleNamespace) -> None:
    activation = activations.get(options.classifier_activation)
    allowed = (activations.softmax, activations.linear)
    if options.weights is not None and activation not in allowed:
        raise ValueError(
            "Only `None` and `softmax` activations are allowed for the `classifier_activation` "
            "argument when using pretrained weights, with `include_top=True`. "
            + received(classifier_activation=options.classifier_activation)
        )
