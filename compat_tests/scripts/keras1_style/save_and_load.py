'''Architecture as JSON and YAML, weights as HDF5, whole models, old objectives by name.'''
import os
import numpy as np
np.random.seed(1)
from keras.models import Sequential, model_from_json, model_from_yaml, load_model
from keras.layers import Dense, Activation
from keras.utils.np_utils import to_categorical, probas_to_classes

X = np.random.randn(100, 4)
Y = to_categorical((X[:, 0] > 0).astype(int), 2)
model = Sequential()
model.add(Dense(8, init='uniform', input_dim=4, activation='relu'))
model.add(Dense(6, init='uniform', activation='relu'))
model.add(Dense(2, init='uniform', activation='softmax'))
model.compile(loss='mse', optimizer='sgd', metrics=['accuracy'])
model.fit(X, Y, nb_epoch=2, batch_size=10, verbose=0)
before = model.predict(X)

json_string = model.to_json()
open('model.json', 'w').write(json_string)
model.save_weights('model_weights.h5', overwrite=True)
again = model_from_json(open('model.json').read())
again.load_weights('model_weights.h5')
print('JSON:', bool(np.allclose(before, again.predict(X))))

yaml_string = model.to_yaml()
again = model_from_yaml(yaml_string)
again.set_weights(model.get_weights())
print('YAML:', bool(np.allclose(before, again.predict(X))))

model.save('model.h5')
del model
model = load_model('model.h5')
print('H5:', bool(np.allclose(before, model.predict(X))))
print('Goes on:', model.evaluate(X, Y, verbose=0)[0] > 0)
print('Classes:', np.mean(probas_to_classes(model.predict(X)) == model.predict_classes(X, verbose=0)))
for name in ('model.json', 'model_weights.h5', 'model.h5'):
    os.remove(name)
