"""Import forms of tf.keras."""
import tensorflow as tf
import tensorflow.keras as keras
import tensorflow.keras.layers as L
from tensorflow import data, keras as k2
from tensorflow.data import AUTOTUNE, Dataset
from tensorflow.data.experimental import cardinality
from tensorflow.io import gfile
from tensorflow.keras import backend as K
from tensorflow.keras.layers import Conv2D, Dense, Input
from tensorflow.keras.models import Model, Sequential
from tensorflow.keras.optimizers import Adam
from tensorflow.keras.utils import to_categorical
from tensorflow.python.framework.ops import convert_to_tensor
from tensorflow.python.keras.layers import Dense as OldDense
from tensorflow.strings import lower

print(keras.layers.Dense is L.Dense is Dense is k2.layers.Dense, AUTOTUNE == data.AUTOTUNE)
print(OldDense.__name__, OldDense(3).units, keras.Model is tf.keras.Model)
print(int(cardinality(Dataset.range(3))), lower("ABC").numpy(), gfile.exists("/"))
print(to_categorical([0, 1]).tolist(), convert_to_tensor([1]).numpy(), K.epsilon() == 1e-7)
print(Sequential([Input((2,)), Dense(1)]).output_shape)
print(Model is keras.Model, issubclass(Adam, keras.optimizers.Optimizer), Conv2D.__name__)
