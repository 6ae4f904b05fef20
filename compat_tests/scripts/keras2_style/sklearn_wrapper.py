'''Scikit-learn wrappers: cross validation, grid search, pipeline.'''
import numpy
from keras.models import Sequential
from keras.layers import Dense
from keras.wrappers.scikit_learn import KerasClassifier, KerasRegressor
from keras.utils import np_utils
from sklearn.model_selection import cross_val_score, KFold, StratifiedKFold, GridSearchCV
from sklearn.preprocessing import LabelEncoder, StandardScaler
from sklearn.pipeline import Pipeline

seed = 7
numpy.random.seed(seed)
X = numpy.random.randn(90, 4)
Y = numpy.array(['a', 'b', 'c'])[numpy.argmax(X[:, :3], axis=1)]
encoder = LabelEncoder()
encoder.fit(Y)
encoded_Y = encoder.transform(Y)
dummy_y = np_utils.to_categorical(encoded_Y)


def baseline_model(optimizer='adam'):
    model = Sequential()
    model.add(Dense(8, input_dim=4, kernel_initializer='normal', activation='relu'))
    model.add(Dense(3, kernel_initializer='normal', activation='softmax'))
    model.compile(loss='categorical_crossentropy', optimizer=optimizer, metrics=['accuracy'])
    return model


estimator = KerasClassifier(build_fn=baseline_model, epochs=20, batch_size=5, verbose=0)
kfold = KFold(n_splits=2, shuffle=True, random_state=seed)
results = cross_val_score(estimator, X, encoded_Y, cv=kfold)
print("Baseline: %.2f%% (%.2f%%)" % (results.mean() * 100, results.std() * 100))
estimator.fit(X, encoded_Y)
print('Proba:', estimator.predict_proba(X[:5]).shape, estimator.predict(X[:5]).shape)
print('Score:', estimator.score(X, encoded_Y))

grid = GridSearchCV(estimator=KerasClassifier(build_fn=baseline_model, verbose=0),
                    param_grid=dict(optimizer=['adam', 'rmsprop'], epochs=[2], batch_size=[10]), cv=2)
grid_result = grid.fit(X, encoded_Y)
print('Best:', sorted(grid_result.best_params_))


def regression():
    model = Sequential()
    model.add(Dense(6, input_dim=4, activation='relu'))
    model.add(Dense(1))
    model.compile(loss='mean_squared_error', optimizer='adam')
    return model


estimators = [('standardize', StandardScaler()),
              ('mlp', KerasRegressor(build_fn=regression, epochs=10, batch_size=5, verbose=0))]
pipeline = Pipeline(estimators)
pipeline.fit(X, X.sum(axis=1))
print('Regression:', pipeline.predict(X[:4]).shape)
