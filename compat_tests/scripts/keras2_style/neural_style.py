'''Style transfer's loss, built with K variables and a combined input, minimised by L-BFGS.'''
from __future__ import print_function
import numpy as np
from scipy.optimize import fmin_l_bfgs_b
from keras import backend as K
from keras.models import Model
from keras.layers import Input, Conv2D, AveragePooling2D
np.random.seed(0)

img_nrows, img_ncols = 10, 10
base_image = K.variable(np.random.rand(1, img_nrows, img_ncols, 3))
style_reference_image = K.variable(np.random.rand(1, img_nrows, img_ncols, 3))
combination_image = K.placeholder((1, img_nrows, img_ncols, 3))
input_tensor = K.concatenate([base_image, style_reference_image, combination_image], axis=0)
img_input = Input(tensor=input_tensor, shape=(img_nrows, img_ncols, 3))
h = Conv2D(6, (3, 3), activation='relu', name='block1_conv1')(img_input)
h = AveragePooling2D()(h)
h = Conv2D(6, (3, 3), activation='relu', name='block5_conv2')(h)
model = Model(img_input, h)
outputs_dict = dict([(layer.name, layer.output) for layer in model.layers])


def gram_matrix(x):
    assert K.ndim(x) == 3
    if K.image_data_format() == 'channels_first':
        features = K.batch_flatten(x)
    else:
        features = K.batch_flatten(K.permute_dimensions(x, (2, 0, 1)))
    gram = K.dot(features, K.transpose(features))
    return gram


def style_loss(style, combination):
    S = gram_matrix(style)
    C = gram_matrix(combination)
    channels = 3
    size = img_nrows * img_ncols
    return K.sum(K.square(S - C)) / (4.0 * (channels ** 2) * (size ** 2))


def content_loss(base, combination):
    return K.sum(K.square(combination - base))


def total_variation_loss(x):
    a = K.square(x[:, :img_nrows - 1, :img_ncols - 1, :] - x[:, 1:, :img_ncols - 1, :])
    b = K.square(x[:, :img_nrows - 1, :img_ncols - 1, :] - x[:, :img_nrows - 1, 1:, :])
    return K.sum(K.pow(a + b, 1.25))


loss = K.variable(0.0)
layer_features = outputs_dict['block5_conv2']
loss += 0.5 * content_loss(layer_features[0, :, :, :], layer_features[2, :, :, :])
for layer_name in ['block1_conv1']:
    layer_features = outputs_dict[layer_name]
    sl = style_loss(layer_features[1, :, :, :], layer_features[2, :, :, :])
    loss += 1.0 * sl
loss += 0.01 * total_variation_loss(combination_image)

grads = K.gradients(loss, combination_image)
outputs = [loss]
if isinstance(grads, (list, tuple)):
    outputs += grads
else:
    outputs.append(grads)
f_outputs = K.function([combination_image], outputs)


def eval_loss_and_grads(x):
    x = x.reshape((1, img_nrows, img_ncols, 3))
    outs = f_outputs([x])
    loss_value = outs[0]
    grad_values = np.array(outs[1:]).flatten().astype('float64')
    return float(loss_value), grad_values


x = np.random.rand(1, img_nrows, img_ncols, 3)
first, _ = eval_loss_and_grads(x)
x, last, info = fmin_l_bfgs_b(eval_loss_and_grads, x.flatten(), maxfun=15)
print('Loss first:', first)
print('Loss last:', last)
print('Image:', x.shape)
