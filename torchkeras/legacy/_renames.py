"""What Keras 1 and 2 called the arguments of today, as data.

`ARGUMENTS` maps the path of a class or function to text: entries `old=new`, several old names that
make one new as `old+old=new`, and `old=` for what needs no argument any more. `ORDERS` holds the
positional orders of Keras 1.2.2 where they differ, `DEFAULTS` the defaults that went with the old
names, `VALUES` the values that are written differently. `METHODS` are those that models call at
each step: their old names are taken in without a word.
"""

__all__ = [
    "ALWAYS",
    "ARGUMENTS",
    "CAST",
    "DEFAULTS",
    "INITIALIZED",
    "METHODS",
    "ORDERS",
    "SERIALIZED",
    "VALUES",
]

_BIAS = "b_regularizer=bias_regularizer b_constraint=bias_constraint bias=use_bias "
_WEIGHTS = (
    "init=kernel_initializer W_regularizer=kernel_regularizer W_constraint=kernel_constraint "
    + _BIAS
)
_IMAGES = "dim_ordering=data_format "
_CONV = _WEIGHTS + _IMAGES + "nb_filter=filters border_mode=padding subsample=strides "
_CONV_2D = _CONV + "nb_row+nb_col=kernel_size "
_STEPS = "nb_filter=filters filter_length=kernel_size border_mode=padding subsample_length=strides "
_POOL_1D = "pool_length=pool_size stride=strides border_mode=padding "
_POOL = _IMAGES + "border_mode=padding "
_RECURRENT = (
    "output_dim=units init=kernel_initializer inner_init=recurrent_initializer "
    "inner_activation=recurrent_activation W_regularizer=kernel_regularizer "
    "U_regularizer=recurrent_regularizer b_regularizer=bias_regularizer dropout_W=dropout "
    "dropout_U=recurrent_dropout consume_less=implementation time_major= "
)
_QUEUE = "max_q_size=max_queue_size nb_worker=workers pickle_safe=use_multiprocessing "

# Namespaces with the functions `serialize` and `deserialize`.
SERIALIZED = (
    "activations constraints initializers layers losses metrics optimizers optimizers.schedules "
    "regularizers"
).split()

ARGUMENTS = {
    # Layers
    "layers.Dense": "output_dim=units " + _WEIGHTS,
    "legacy.layers.TimeDistributedDense": "output_dim=units input_length= " + _WEIGHTS,
    "layers.Conv1D": _WEIGHTS + _STEPS,
    "layers.Conv2D": _CONV_2D,
    "layers.Conv3D": _CONV + "kernel_dim1+kernel_dim2+kernel_dim3=kernel_size ",
    "layers.Conv2DTranspose": _CONV_2D + "output_shape= ",
    "layers.Conv3DTranspose": _CONV
    + "kernel_dim1+kernel_dim2+kernel_dim3=kernel_size output_shape= ",
    "legacy.layers.Deconvolution2D": _CONV_2D,
    "legacy.layers.Deconvolution3D": _CONV + "kernel_dim1+kernel_dim2+kernel_dim3=kernel_size ",
    "layers.SeparableConv2D": _BIAS
    + _IMAGES
    + "nb_filter=filters border_mode=padding subsample=strides nb_row+nb_col=kernel_size "
    + "init=depthwise_initializer,pointwise_initializer ",
    "legacy.layers.AtrousConvolution1D": _WEIGHTS + _STEPS + "atrous_rate=dilation_rate ",
    "legacy.layers.AtrousConvolution2D": _CONV_2D + "atrous_rate=dilation_rate ",
    "legacy.layers.LocallyConnected1D": _WEIGHTS + _STEPS,
    "legacy.layers.LocallyConnected2D": _CONV_2D,
    "layers.ConvLSTM2D": _RECURRENT.replace("output_dim=units ", "")
    + _IMAGES
    + "nb_filter=filters nb_row+nb_col=kernel_size border_mode=padding subsample=strides "
    + "forget_bias_init=unit_forget_bias bias=use_bias ",
    "layers.SimpleRNN": _RECURRENT,
    "layers.LSTM": _RECURRENT + "forget_bias_init=unit_forget_bias ",
    "layers.GRU": _RECURRENT,
    "layers.Embedding": "init=embeddings_initializer W_regularizer=embeddings_regularizer "
    "W_constraint=embeddings_constraint dropout= input_length=input_shape ",
    "layers.BatchNormalization": "beta_init=beta_initializer gamma_init=gamma_initializer mode= "
    "fused= virtual_batch_size= adjustment= ",
    "layers.PReLU": "init=alpha_initializer ",
    "layers.ELU": "",
    "layers.Dropout": "p=rate ",
    "layers.SpatialDropout1D": "p=rate noise_shape= ",
    "layers.SpatialDropout2D": "p=rate noise_shape= " + _IMAGES,
    "layers.SpatialDropout3D": "p=rate noise_shape= " + _IMAGES,
    "layers.GaussianDropout": "p=rate ",
    "layers.GaussianNoise": "sigma=stddev ",
    "layers.AlphaDropout": "noise_shape=noise_shape ",
    "layers.Reshape": "dims=target_shape ",
    "layers.Flatten": _IMAGES,
    "layers.Lambda": "output_dim= ",
    "layers.MaxPooling1D": _POOL_1D,
    "layers.AveragePooling1D": _POOL_1D,
    **{f"layers.{kind}Pooling{rank}D": _POOL for kind in ("Max", "Average") for rank in (2, 3)},
    **{
        f"layers.Global{kind}Pooling{rank}D": _IMAGES
        for kind in ("Max", "Average")
        for rank in (2, 3)
    },
    "layers.UpSampling1D": "length=size ",
    **{
        f"layers.{kind}{rank}D": _IMAGES
        for kind in ("UpSampling", "Cropping", "ZeroPadding")
        for rank in (2, 3)
    },
    "layers.InputLayer": "input_dtype=dtype type_spec= ",
    "layers.Input": "batch_input_shape=batch_shape input_dtype=dtype type_spec= ",
    "layers.Layer.add_loss": "losses=loss inputs= ",
    # Training
    "models.Model.compile": "experimental_steps_per_execution=steps_per_execution "
    "experimental_run_tf_function= class_mode= theano_mode= from_serialized= "
    "pss_evaluation_shards= ",
    "models.Model.fit": "nb_epoch=epochs show_accuracy= " + _QUEUE,
    "models.Model.evaluate": "show_accuracy= " + _QUEUE,
    "models.Model.predict": _QUEUE,
    "models.Model.fit_generator": "nb_epoch=epochs nb_val_samples=validation_samples "
    "nb_val_worker= show_accuracy= " + _QUEUE,
    "models.Model.evaluate_generator": "val_samples=samples show_accuracy= " + _QUEUE,
    "models.Model.predict_generator": "val_samples=samples " + _QUEUE,
    "models.Model.train_on_batch": "accuracy= reset_metrics=",
    "models.Model.test_on_batch": "accuracy= reset_metrics=",
    "models.Model.save_weights": "options=",
    # Everything else
    "callbacks.TensorBoard": "batch_size= write_grads= embeddings_layer_names= embeddings_data= "
    "profile_batch=profile_batch ",
    "callbacks.ProgbarLogger": "count_mode= stateful_metrics= ",
    "callbacks.CallbackList": "queue_length= ",
    "callbacks.ModelCheckpoint": "options= ",
    "constraints.MaxNorm": "m=max_value ",
    "constraints.MinMaxNorm": "low=min_value high=max_value ",
    "regularizers.L1": "l=l1 ",
    "regularizers.L2": "l=l2 ",
    "initializers.RandomNormal": "scale=stddev std=stddev ",
    "initializers.RandomUniform": "scale=maxval ",
    "activations.relu": "alpha=negative_slope ",
    "datasets.imdb.load_data": "nb_words=num_words ",
    "datasets.reuters.load_data": "nb_words=num_words ",
    "config.set_epsilon": "e=value ",
    "config.set_floatx": "floatx=value ",
    "preprocessing.text.Tokenizer": "nb_words=num_words ",
    "preprocessing.text.one_hot": "text=input_text ",
    "preprocessing.text.text_to_word_sequence": "text=input_text ",
    "preprocessing.image.random_channel_shift": "intensity=intensity_range "
    "channel_index=channel_axis ",
    **{
        f"preprocessing.image.{name}": "row_index=row_axis col_index=col_axis "
        "channel_index=channel_axis "
        for name in ("random_rotation", "random_shift", "random_shear", "random_zoom")
    },
    "preprocessing.image.apply_transform": "channel_index=channel_axis ",
    "preprocessing.image.ImageDataGenerator": _IMAGES,
    "preprocessing.image.ImageDataGenerator.flow": "X=x ",
    "preprocessing.image.NumpyArrayIterator": _IMAGES,
    "preprocessing.image.DirectoryIterator": _IMAGES,
    "legacy._file_utils.validate_file": "md5_hash=file_hash ",
    "legacy._functions.GeneratorEnqueuer": "pickle_safe=use_multiprocessing ",
    "legacy._functions.get_test_data": "nb_train=num_train nb_test=num_test nb_class=num_classes ",
    "saving.serialize_keras_object": "instance=obj ",
    "utils.array_to_img": _IMAGES,
    "utils.img_to_array": _IMAGES,
    "utils.load_img": "grayscale=color_mode ",
    "utils.normalize": "a=x ",
    "utils.to_categorical": "y=x nb_classes=num_classes dtype=dtype ",
    "utils.image_dataset_from_directory": "smart_resize=crop_to_aspect_ratio ",
    "utils.Progbar.update": "force= ",
    "optimizers.get": "kwargs= use_legacy_optimizer= ",
    "constraints.get": "kwargs= ",
    "regularizers.get": "kwargs= ",
    **{
        f"{room}.deserialize": "use_legacy_format= use_legacy_optimizer= name=config "
        if room == "activations"
        else "use_legacy_format= use_legacy_optimizer= "
        for room in SERIALIZED
    },
    **{
        f"applications.ConvNeXt{size}": "model_name=name "
        for size in "Tiny Small Base Large XLarge".split()
    },
    **{
        f"applications.{name}": "layers= "
        for name in "InceptionResNetV2 MobileNet MobileNetV2".split()
    },
    "applications.audio_conv_utils.preprocess_input": _IMAGES,
    "applications.imagenet_utils.preprocess_input": _IMAGES,
    "applications.inception_v3.conv2d_bn": "nb_filter=filters nb_row=num_row nb_col=num_col "
    "border_mode=padding subsample=strides ",
    # keras.backend
    "backend.expand_dims": "dim=axis ",
    "backend.one_hot": "nb_classes=num_classes ",
    "backend.random_normal": "std=stddev ",
    "backend.random_uniform": "low=minval high=maxval ",
    "backend.resize_images": "X=x " + _IMAGES,
    "backend.resize_volumes": "X=x " + _IMAGES,
    "backend.spatial_2d_padding": _IMAGES,
    "backend.spatial_3d_padding": _IMAGES,
    "backend.asymmetric_spatial_2d_padding": _IMAGES,
    "backend.moving_average_update": "variable=x ",
    "backend.batch_get_value": "ops=tensors xs=tensors ",
    "backend.conv1d": "stride=strides border_mode=padding image_shape= filter_shape= ",
    "backend.conv2d": _POOL + "image_shape= filter_shape= filter_dilation=dilation_rate ",
    "backend.conv3d": _POOL + "volume_shape= filter_shape= ",
    "backend.conv2d_transpose": _POOL + "image_shape= filter_shape= ",
    "backend.deconv2d": _POOL + "image_shape= filter_shape= ",
    "backend.atrous_conv2d": _POOL + "image_shape= filter_shape= ",
    "backend.separable_conv2d": _POOL,
    "backend.pool2d": _POOL,
    "backend.pool3d": _POOL,
}

# Methods whose arguments were called something else, by the class that defines them.
_SEQUENCES = {
    "call": "inputs=sequences",
    "__call__": "inputs=sequences",
    "build": "input_shape=sequences_shape",
    "compute_output_shape": "input_shape=sequences_shape",
    "compute_mask": "inputs=_ input=_",
}
_IN_CONV_LSTM = ("compute_output_shape", "compute_mask")
METHODS = {
    **{f"layers.RNN.{name}": names for name, names in _SEQUENCES.items()},
    **{f"layers.Bidirectional.{name}": names for name, names in _SEQUENCES.items()},
    **{
        f"layers.convolutional_recurrent._ConvLSTM.{name}": _SEQUENCES[name]
        for name in _IN_CONV_LSTM
    },
    "layers.RNN.get_constants": "inputs=x X=x",
    "layers.RNN.get_initial_states": "X=x",
    "layers.RNN.preprocess_input": "inputs=x",
    "layers.RNN.step": "inputs=x",
    "layers.SimpleRNNCell.call": "inputs=sequence",
    "layers._image_base.BaseImagePreprocessingLayer.call": "inputs=data",
    "layers.EinsumDense.compute_output_shape": "_=input_shape",
    "layers.HashedCrossing.compute_output_shape": "input_shapes=input_shape",
    "layers.Embedding.compute_mask": "x=inputs",
    "layers.Masking.compute_mask": "x=inputs input_mask=mask",
    "constraints.Constraint.__call__": "p=w",
    "optimizers.Optimizer.build": "var_list=variables",
    "callbacks.TensorBoard.on_train_end": "_=logs",
    "legacy._functions.SequenceEnqueuer.start": "nb_worker=workers max_q_size=max_queue_size",
}

# Arguments whose values are functions that make a weight.
INITIALIZED = frozenset(
    "init inner_init beta_init gamma_init kernel_initializer recurrent_initializer "
    "bias_initializer embeddings_initializer beta_initializer gamma_initializer".split()
)

# By old name: what an old value is called now.
VALUES = {
    "dim_ordering": {"tf": "channels_last", "th": "channels_first", "default": None},
    "consume_less": {"cpu": 1, "mem": 1, "gpu": 2},
    "forget_bias_init": {"one": True, "ones": True, "zero": False, "zeros": False},
    "grayscale": {True: "grayscale", False: "rgb"},
}

_CONV_2D_ORDER = (
    "nb_filter nb_row nb_col init activation weights border_mode subsample dim_ordering "
    "W_regularizer b_regularizer activity_regularizer W_constraint b_constraint bias"
)
_RECURRENT_ORDER = (
    "output_dim init inner_init activation inner_activation W_regularizer U_regularizer "
    "b_regularizer dropout_W dropout_U"
)

# Positional orders of Keras 1.2.2 that today's differ from.
ORDERS = {
    "layers.Dense": "output_dim init activation weights W_regularizer b_regularizer "
    "activity_regularizer W_constraint b_constraint bias input_dim",
    "layers.Conv1D": "nb_filter filter_length init activation weights border_mode subsample_length "
    "W_regularizer b_regularizer activity_regularizer W_constraint b_constraint bias",
    "layers.Conv2D": _CONV_2D_ORDER,
    "layers.Conv3D": _CONV_2D_ORDER.replace("nb_row nb_col", "kernel_dim1 kernel_dim2 kernel_dim3"),
    "layers.Conv2DTranspose": _CONV_2D_ORDER.replace("nb_col", "nb_col output_shape"),
    "layers.Conv3DTranspose": _CONV_2D_ORDER.replace(
        "nb_row nb_col", "kernel_dim1 kernel_dim2 kernel_dim3 output_shape"
    ),
    "legacy.layers.Deconvolution2D": _CONV_2D_ORDER.replace("nb_col", "nb_col output_shape"),
    "legacy.layers.Deconvolution3D": _CONV_2D_ORDER.replace(
        "nb_row nb_col", "kernel_dim1 kernel_dim2 kernel_dim3 output_shape"
    ),
    "legacy.layers.AtrousConvolution2D": _CONV_2D_ORDER.replace(
        "subsample", "subsample atrous_rate"
    ),
    "legacy.layers.LocallyConnected2D": _CONV_2D_ORDER,
    "layers.SeparableConv2D": "nb_filter nb_row nb_col init activation weights border_mode "
    "subsample depth_multiplier dim_ordering depthwise_regularizer pointwise_regularizer "
    "b_regularizer activity_regularizer depthwise_constraint pointwise_constraint b_constraint "
    "bias",
    "layers.ConvLSTM2D": "nb_filter nb_row nb_col init inner_init forget_bias_init activation "
    "inner_activation dim_ordering border_mode subsample",
    "layers.SimpleRNN": _RECURRENT_ORDER.replace("inner_activation ", ""),
    "layers.GRU": _RECURRENT_ORDER,
    "layers.LSTM": _RECURRENT_ORDER.replace("inner_init ", "inner_init forget_bias_init "),
    "layers.Embedding": "input_dim output_dim init input_length W_regularizer "
    "activity_regularizer W_constraint mask_zero weights dropout",
    "layers.BatchNormalization": "epsilon mode axis momentum weights beta_init gamma_init "
    "gamma_regularizer beta_regularizer",
    "layers.PReLU": "init weights shared_axes",
    "layers.GlobalAveragePooling2D": "dim_ordering",
    "utils.load_img": "path grayscale target_size",
    "models.Model.fit_generator": "generator samples_per_epoch nb_epoch verbose callbacks "
    "validation_data nb_val_samples class_weight max_q_size nb_worker pickle_safe initial_epoch",
    "models.Model.evaluate_generator": "generator val_samples max_q_size nb_worker pickle_safe",
    "models.Model.predict_generator": "generator val_samples max_q_size nb_worker pickle_safe",
}

# Arguments that had a default, which has to be given today.
ALWAYS = {f"layers.AveragePooling{rank}D": {"pool_size": 2} for rank in (1, 2, 3)}

# Functions that could be told the dtype of their result.
CAST = {"utils.to_categorical"}

# Defaults that went with the old names.
DEFAULTS = {
    "layers.LSTM": {"recurrent_activation": "hard_sigmoid"},
    "layers.GRU": {"recurrent_activation": "hard_sigmoid", "reset_after": False},
    "layers.ConvLSTM2D": {"recurrent_activation": "hard_sigmoid"},
}
