"""Utilities: files, images, data sets of folders, pictures of models, and more."""

from torchkeras.utils import bounding_boxes, legacy
from torchkeras.utils._config import *
from torchkeras.utils._creator import *
from torchkeras.utils._directory import *
from torchkeras.utils._feature_space import *
from torchkeras.utils._files import *
from torchkeras.utils._graph import *
from torchkeras.utils._image import *
from torchkeras.utils._names import *
from torchkeras.utils._numeric import *
from torchkeras.utils._plot import *
from torchkeras.utils._sequence import *
from torchkeras.utils._split import *
from torchkeras.utils._timeseries import *
from torchkeras.utils._watchers import *
