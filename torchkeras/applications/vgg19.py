"""VGG19: nineteen layers with weights."""

from torchkeras.applications._imagenet import STORAGE
from torchkeras.applications.imagenet_utils import decode_predictions, preprocessing
from torchkeras.applications.vgg16 import VGG

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]

VGG19 = VGG(
    "VGG19",
    ("cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6"),
    name="vgg19",
    folder=f"{STORAGE}vgg19/",
    depths=(2, 2, 4, 4, 4),
).function(__name__)

preprocess_input = preprocessing("caffe", __name__)
