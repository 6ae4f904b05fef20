"""Image classifiers with weights trained on ImageNet."""

from torchkeras.applications import audio_conv_utils, imagenet_utils, music_tagger_crnn, resnet50
from torchkeras.applications.convnext import *
from torchkeras.applications.densenet import *
from torchkeras.applications.efficientnet import *
from torchkeras.applications.efficientnet_v2 import *
from torchkeras.applications.inception_resnet_v2 import *
from torchkeras.applications.inception_v3 import *
from torchkeras.applications.mobilenet import *
from torchkeras.applications.mobilenet_v2 import *
from torchkeras.applications.mobilenet_v3 import *
from torchkeras.applications.nasnet import *
from torchkeras.applications.regnet import *
from torchkeras.applications.resnet import *
from torchkeras.applications.resnet_rs import *
from torchkeras.applications.resnet_v2 import *
from torchkeras.applications.vgg16 import *
from torchkeras.applications.vgg19 import *
from torchkeras.applications.xception import *

# Each module has its own.
del decode_predictions, preprocess_input  # noqa: F821
