'''Deep Q learning with replay, and a policy gradient by K.function and get_updates.'''
import random
from collections import deque
import numpy as np
np.random.seed(0)
random.seed(0)
from keras.models import Sequential, Model
from keras.layers import Dense, Input
from keras.optimizers import Adam
from keras import backend as K


class DQNAgent:
    def __init__(self, state_size, action_size):
        self.state_size = state_size
        self.action_size = action_size
        self.memory = deque(maxlen=200)
        self.gamma = 0.9
        self.epsilon = 1.0
        self.model = self._build_model()

    def _build_model(self):
        model = Sequential()
        model.add(Dense(12, input_dim=self.state_size, activation='relu'))
        model.add(Dense(self.action_size, activation='linear'))
        model.compile(loss='mse', optimizer=Adam(lr=0.01))
        return model

    def act(self, state):
        if np.random.rand() <= self.epsilon:
            return random.randrange(self.action_size)
        act_values = self.model.predict(state)
        return np.argmax(act_values[0])

    def replay(self, batch_size):
        minibatch = random.sample(self.memory, batch_size)
        for state, action, reward, next_state, done in minibatch:
            target = reward
            if not done:
                target = reward + self.gamma * np.amax(self.model.predict(next_state)[0])
            target_f = self.model.predict(state)
            target_f[0][action] = target
            self.model.fit(state, target_f, epochs=1, verbose=0)


agent = DQNAgent(3, 2)
for _ in range(40):
    s = np.random.randn(1, 3)
    a = agent.act(s)
    agent.memory.append((s, a, float(a == int(s[0, 0] > 0)), np.random.randn(1, 3), True))
for _ in range(4):
    agent.replay(16)
agent.epsilon = 0
print('Acts:', agent.act(np.array([[2., 0., 0.]])) in (0, 1))

inputs = Input(shape=(3,))
probs = Dense(2, activation='softmax')(Dense(12, activation='tanh')(inputs))
policy = Model(inputs=inputs, outputs=probs)
action_onehot = K.placeholder(shape=(None, 2), name='action_onehot')
discount_reward = K.placeholder(shape=(None,), name='discount_reward')
action_prob = K.sum(policy.output * action_onehot, axis=1)
log_action_prob = K.log(action_prob)
loss = K.mean(- log_action_prob * discount_reward)
updates = Adam(lr=0.05).get_updates(params=policy.trainable_weights, loss=loss)
train_fn = K.function(inputs=[policy.input, action_onehot, discount_reward], outputs=[loss], updates=updates)
states = np.random.randn(60, 3)
right = (states[:, 0] > 0).astype(int)
losses = [train_fn([states, np.eye(2)[right], np.ones(60)])[0] for _ in range(20)]
print('Loss first:', losses[0])
print('Loss last:', losses[-1])
print('Policy:', float(np.mean(policy.predict(states).argmax(axis=1) == right)) > 0.8)
