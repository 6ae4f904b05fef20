"""Actor-critic steps: lists of tensors within a tape, discounted returns."""
import numpy as np
import tensorflow as tf
from tensorflow import keras

tf.random.set_seed(42)
rng = np.random.default_rng(42)
eps = np.finfo(np.float32).eps.item()
inputs = keras.layers.Input(shape=(4,))
common = keras.layers.Dense(16, activation="relu")(inputs)
action = keras.layers.Dense(2, activation="softmax")(common)
critic = keras.layers.Dense(1)(common)
model = keras.Model(inputs=inputs, outputs=[action, critic])
optimizer = keras.optimizers.Adam(learning_rate=0.01)
huber_loss = keras.losses.Huber()
updates = []
for episode in range(3):
    state = rng.normal(size=4)
    probs_history, critic_history, rewards = [], [], []
    before = model.get_weights()[0].copy()
    with tf.GradientTape() as tape:
        for timestep in range(6):
            state = tf.convert_to_tensor(state)
            state = tf.expand_dims(state, 0)
            action_probs, critic_value = model(state)
            critic_history.append(critic_value[0, 0])
            p = np.asarray(action_probs, "float64")[0]
            chosen = rng.choice(2, p=p / p.sum())
            probs_history.append(tf.math.log(action_probs[0, chosen]))
            state = rng.normal(size=4)
            rewards.append(1.0 if chosen else 0.0)
        returns, discounted_sum = [], 0
        for r in rewards[::-1]:
            discounted_sum = r + 0.99 * discounted_sum
            returns.insert(0, discounted_sum)
        returns = (np.array(returns) - np.mean(returns)) / (np.std(returns) + eps)
        actor_losses, critic_losses = [], []
        for log_prob, value, ret in zip(probs_history, critic_history, returns.tolist()):
            actor_losses.append(-log_prob * (ret - value))
            critic_losses.append(huber_loss(tf.expand_dims(value, 0), tf.expand_dims(ret, 0)))
        loss_value = sum(actor_losses) + sum(critic_losses)
    grads = tape.gradient(loss_value, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    updates.append(float(np.abs(model.get_weights()[0] - before).max()))
print(all(0 < u < 0.02 for u in updates), [len(probs_history), len(grads)])
