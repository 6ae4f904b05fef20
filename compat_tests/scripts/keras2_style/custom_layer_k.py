'''A custom layer, a custom metric, loss, initializer, constraint, regularizer and activation.'''
from keras import backend as K
from keras.engine.topology import Layer
from keras import initializers, regularizers, constraints, activations
from keras.models import Sequential, load_model
from keras.layers import Dense, Activation, Lambda
from keras.utils.generic_utils import get_custom_objects
from keras.utils import CustomObjectScope
import numpy as np
import os
np.random.seed(8)


class Attention(Layer):
    def __init__(self, W_regularizer=None, bias=True, **kwargs):
        self.supports_masking = True
        self.init = initializers.get('glorot_uniform')
        self.W_regularizer = regularizers.get(W_regularizer)
        self.bias = bias
        super(Attention, self).__init__(**kwargs)

    def build(self, input_shape):
        assert len(input_shape) == 3
        self.W = self.add_weight(shape=(input_shape[-1],), initializer=self.init,
                                 name='{}_W'.format(self.name), regularizer=self.W_regularizer)
        if self.bias:
            self.b = self.add_weight(shape=(input_shape[1],), initializer='zero', name='{}_b'.format(self.name))
        else:
            self.b = None
        self.built = True

    def compute_mask(self, input, input_mask=None):
        return None

    def call(self, x, mask=None):
        eij = K.squeeze(K.dot(x, K.expand_dims(self.W)), axis=-1)
        if self.bias:
            eij += self.b
        eij = K.tanh(eij)
        a = K.exp(eij)
        if mask is not None:
            a *= K.cast(mask, K.floatx())
        a /= K.cast(K.sum(a, axis=1, keepdims=True) + K.epsilon(), K.floatx())
        a = K.expand_dims(a)
        weighted_input = x * a
        return K.sum(weighted_input, axis=1)

    def compute_output_shape(self, input_shape):
        return input_shape[0], input_shape[-1]

    def get_config(self):
        config = {'bias': self.bias}
        base_config = super(Attention, self).get_config()
        return dict(list(base_config.items()) + list(config.items()))


def swish2(x):
    return x * K.sigmoid(x)


def f1(y_true, y_pred):
    tp = K.sum(K.cast(y_true * K.round(y_pred), 'float'), axis=0)
    fp = K.sum(K.cast((1 - y_true) * K.round(y_pred), 'float'), axis=0)
    fn = K.sum(K.cast(y_true * (1 - K.round(y_pred)), 'float'), axis=0)
    p = tp / (tp + fp + K.epsilon())
    r = tp / (tp + fn + K.epsilon())
    return K.mean(2 * p * r / (p + r + K.epsilon()))


def focal(gamma=2., alpha=.25):
    def focal_loss(y_true, y_pred):
        pt = y_true * y_pred + (1 - y_true) * (1 - y_pred)
        pt = K.clip(pt, K.epsilon(), 1. - K.epsilon())
        return -K.mean(alpha * K.pow(1. - pt, gamma) * K.log(pt), axis=-1)
    return focal_loss


def my_init(shape, dtype=None):
    return K.random_normal(shape, dtype=dtype) * 0.1


def l1_reg(weight_matrix):
    return 0.0001 * K.sum(K.abs(weight_matrix))


get_custom_objects().update({'swish2': Activation(swish2)})
model = Sequential()
model.add(Dense(8, input_shape=(5, 3), kernel_initializer=my_init, kernel_regularizer=l1_reg))
model.add(Activation('swish2'))
model.add(Attention(name='attention'))
model.add(Lambda(lambda x: K.clip(x, -3, 3)))
model.add(Dense(1, activation='sigmoid', kernel_constraint=constraints.max_norm(3.)))
model.compile(loss=focal(), optimizer='nadam', metrics=[f1, 'acc'])
X = np.random.randn(200, 5, 3)
y = (X[:, :, 0].sum(axis=1) > 0).astype('float32')
h = model.fit(X, y, epochs=8, batch_size=20, verbose=0)
print('Loss first:', h.history['loss'][0])
print('Loss last:', h.history['loss'][-1])
print('F1:', h.history['f1'][-1] > 0.3, 'accuracy' in h.history)
model.save('att.h5')
with CustomObjectScope({'Attention': Attention, 'focal_loss': focal(), 'f1': f1, 'my_init': my_init, 'l1_reg': l1_reg, 'swish2': swish2}):
    again = load_model('att.h5')
print('Loaded:', bool(np.allclose(again.predict(X), model.predict(X), atol=1e-6)))
config = model.layers[2].get_config()
print('Config:', config['bias'], Attention.from_config(config).name)
os.remove('att.h5')
