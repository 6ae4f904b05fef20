'''Custom layers of Keras 1, with K variables as weights.'''
import numpy as np
np.random.seed(3)
from keras import backend as K
from keras import initializations, regularizers, activations
from keras.engine import Layer, InputSpec
from keras.models import Sequential
from keras.layers import Dense, MaxoutDense, Highway, Activation
from keras.regularizers import l2, activity_l2, WeightRegularizer
from keras.constraints import maxnorm


class Antirectifier(Layer):
    def get_output_shape_for(self, input_shape):
        shape = list(input_shape)
        assert len(shape) == 2  # only valid for 2D tensors
        shape[-1] *= 2
        return tuple(shape)

    def call(self, x, mask=None):
        x -= K.mean(x, axis=1, keepdims=True)
        x = K.l2_normalize(x, axis=1)
        pos = K.relu(x)
        neg = K.relu(-x)
        return K.concatenate([pos, neg], axis=1)


class MyDense(Layer):
    def __init__(self, output_dim, init='glorot_uniform', W_regularizer=None, **kwargs):
        self.output_dim = output_dim
        self.init = initializations.get(init)
        self.W_regularizer = regularizers.get(W_regularizer)
        self.input_spec = [InputSpec(ndim=2)]
        super(MyDense, self).__init__(**kwargs)

    def build(self, input_shape):
        input_dim = input_shape[1]
        self.W = self.init((input_dim, self.output_dim), name='{}_W'.format(self.name))
        self.b = K.zeros((self.output_dim,), name='{}_b'.format(self.name))
        self.trainable_weights = [self.W, self.b]
        super(MyDense, self).build(input_shape)

    def call(self, x, mask=None):
        return K.dot(x, self.W) + self.b

    def get_output_shape_for(self, input_shape):
        return (input_shape[0], self.output_dim)


class OtherDense(Layer):
    def __init__(self, output_dim, **kwargs):
        self.output_dim = output_dim
        super(OtherDense, self).__init__(**kwargs)

    def build(self, input_shape):
        self.W = self.add_weight((input_shape[1], self.output_dim), initializer='uniform',
                                 name='{}_W'.format(self.name), trainable=True)
        self.built = True

    def call(self, x, mask=None):
        return K.tanh(K.dot(x, self.W))


model = Sequential()
model.add(Dense(16, input_dim=5, W_regularizer=l2(0.001), b_constraint=maxnorm(2),
                activity_regularizer=activity_l2(0.0001)))
model.add(Antirectifier())
model.add(MyDense(16))
model.add(OtherDense(12))
model.add(Highway(activation='relu', transform_bias=-1))
model.add(MaxoutDense(8, nb_feature=3))
model.add(Dense(1, W_regularizer=WeightRegularizer(l1=0.0001, l2=0.0001)))
model.compile(loss='mse', optimizer='adam')
X = np.random.randn(300, 5)
y = np.sin(X[:, :1]) + X[:, 1:2]
h = model.fit(X, y, nb_epoch=15, batch_size=20, verbose=0)
print('Loss first:', h.history['loss'][0])
print('Loss last:', h.history['loss'][-1])
print('Weights:', len(model.trainable_weights), model.layers[2].get_weights()[0].shape)
print('Shapes:', model.layers[1].output_shape, model.layers[-2].output_shape)
