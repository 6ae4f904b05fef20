# ruff: noqa: E501
"""Rows of `tf`: expressions that TensorFlow and torchkeras must answer alike.

`record.py` evaluates them with TensorFlow and writes `rows.json`; `test_tf_rows.py` evaluates them
with `torchkeras.tf`. In an expression `A`, `B`, `C` are tensors of which gradients are compared.
"""

import numpy as np

NAMES = {
    "np": np,
    "i": np.array([[7, -7], [3, 8]], "int32"),
    "j": np.array([2, 0, 1], "int64"),
    "small": np.array([[0.1, -0.2, 0.3], [0.4, 0.5, -0.6]], "float32"),
    "square": np.array([[4.0, 1.0], [1.0, 3.0]], "float32"),
    "mask": np.array([True, False, True]),
    "words": ["Hello World", "a b  c", "Äpfel, 2 EUR!"],
    "picture": (np.arange(5 * 6 * 3).reshape(5, 6, 3) * 7 % 256).astype("uint8"),
    "pictures": np.linspace(0, 1, 2 * 6 * 8 * 3, dtype="float32").reshape(2, 6, 8, 3) ** 2,
    "wave": np.sin(np.arange(64, dtype="float32") / 3),
}

INPUTS = {
    "A": np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]], "float32"),
    "B": np.array([[2.0, 0.5, 1.0], [1.5, 2.5, 3.0]], "float32"),
    "C": np.array([0.3, -0.7, 1.1], "float32"),
}

UNARY = """
    abs acos:small asin:small asinh atan atanh:small acosh:B ceil cos cosh digamma:B erf erfc
    erfinv:small exp expm1 floor is_finite is_inf is_nan lgamma:B log:B log1p:B log_sigmoid negative
    reciprocal rint round rsqrt:B sigmoid sign sin sinh softplus sqrt:B square tan tanh
    bessel_i0 bessel_i0e bessel_i1 bessel_i1e ndtri:np.abs(small) reduce_all:mask reduce_any:mask
    reduce_sum reduce_mean reduce_max reduce_min reduce_prod reduce_std reduce_variance
    reduce_logsumexp reduce_euclidean_norm l2_normalize argmax argmin cumsum cumprod
    cumulative_logsumexp top_k zero_fraction logical_not:mask count_nonzero
    is_non_decreasing:j is_strictly_increasing:j
""".split()

BINARY = """
    add subtract multiply divide truediv maximum minimum squared_difference atan2 divide_no_nan
    multiply_no_nan greater greater_equal less less_equal equal not_equal floordiv floormod mod xdivy
    xlogy
""".split()


_FLOATS = ("divide_no_nan", "multiply_no_nan", "xlogy", "xdivy", "atan2")


def _tables():
    for entry in UNARY:
        name, _, argument = entry.partition(":")
        yield f"tf.math.{name}({argument or 'A'})"
    for name in BINARY:
        yield f"tf.math.{name}(A, B)"
        yield f"tf.math.{name}(i, 3)" if name not in _FLOATS else "tf.abs(A)"


TEXT = """
tf.signal.dct(wave, type=1)[:4]
tf.signal.dct(A, type=1)
tf.signal.dct(A, type=3)
tf.signal.dct(A, type=4)
tf.signal.dct(A, type=2, n=5, norm="ortho")
tf.signal.dct(A, type=3, norm="ortho")
tf.signal.dct(A, type=4, norm="ortho")
tf.signal.idct(A)
tf.signal.idct(tf.signal.dct(A, norm="ortho"), norm="ortho")
tf.abs(tf.signal.fft3d(tf.cast(A[None], tf.complex64)))
tf.abs(tf.signal.ifft3d(tf.cast(A[None], tf.complex64)))
tf.abs(tf.signal.rfft2d(A))
tf.abs(tf.signal.rfft3d(tf.stop_gradient(A)[None] * 1.0, fft_length=[2, 2, 4]))
tf.signal.irfft2d(tf.signal.rfft2d(A[:, :2]))
tf.signal.irfft3d(tf.signal.rfft3d(tf.ones((1, 2, 2))))
tf.signal.kaiser_window(8)
tf.signal.kaiser_window(5, beta=4.0)
tf.signal.kaiser_bessel_derived_window(8)
tf.signal.vorbis_window(8)
tf.signal.inverse_stft_window_fn(4)(16, tf.float32)
tf.signal.inverse_stft_window_fn(3, tf.signal.hamming_window)(8, tf.float32)
tf.signal.mdct(wave, 16)
tf.signal.mdct(wave, 16, norm="ortho", pad_end=True)
tf.signal.inverse_mdct(tf.signal.mdct(wave, 16))[8:24]
tf.signal.inverse_mdct(tf.signal.mdct(wave, 16, norm="ortho"), norm="ortho")[8:24]
tf.linalg.sqrtm(square)
tf.math.real(tf.linalg.logm(tf.cast(square, tf.complex64)))
tf.linalg.lu(square)
tf.linalg.lu([[0.0, 2.0, 1.0], [4.0, 1.0, 3.0], [2.0, 2.0, 2.0]])
tf.linalg.lu_reconstruct(*tf.linalg.lu([[0.0, 2.0, 1.0], [4.0, 1.0, 3.0], [2.0, 2.0, 2.0]]))
tf.linalg.lu_solve(*tf.linalg.lu([[0.0, 2.0], [4.0, 1.0]]), [[1.0], [2.0]])
tf.linalg.lu_matrix_inverse(*tf.linalg.lu([[0.0, 2.0], [4.0, 1.0]]))
tf.linalg.tridiagonal_matmul(tf.constant([[1.0, 2.0, 0.0], [4.0, 5.0, 6.0], [0.0, 7.0, 8.0]]), tf.eye(3))
tf.linalg.tridiagonal_solve(tf.constant([[1.0, 2.0, 0.0], [4.0, 5.0, 6.0], [0.0, 1.0, 1.0]]), tf.constant([1.0, 2.0, 3.0]))
tf.linalg.eigh_tridiagonal([1.0, 2.0, 3.0], [0.5, 0.25])
tf.linalg.banded_triangular_solve([[2.0, 3.0, 4.0], [0.0, 1.0, 1.0]], [[1.0], [2.0], [3.0]])
tf.linalg.LinearOperatorFullMatrix(square).matmul([[1.0], [2.0]])
tf.linalg.LinearOperatorDiag(C).matvec(C)
tf.linalg.LinearOperatorDiag(C).to_dense()
tf.linalg.LinearOperatorDiag([2.0, 4.0]).solvevec([1.0, 1.0])
tf.linalg.LinearOperatorLowerTriangular(square).to_dense()
tf.linalg.LinearOperatorLowerTriangular(square).solve([[1.0], [2.0]])
tf.linalg.LinearOperatorLowerTriangular(square).log_abs_determinant()
tf.linalg.LinearOperatorIdentity(2).matmul(A)
tf.linalg.LinearOperatorScaledIdentity(2, 3.0).determinant()
tf.linalg.LinearOperatorFullMatrix(square).trace()
tf.linalg.LinearOperatorFullMatrix(square).shape
tf.nn.conv1d_transpose(A[..., None], tf.ones((2, 2, 1)), [2, 6, 2], 2)
tf.nn.conv1d_transpose(A[..., None], tf.ones((3, 1, 1)), [2, 5, 1], 2, "SAME")
tf.nn.conv1d_transpose(A[..., None], tf.ones((3, 1, 1)), [2, 7, 1], 2, "VALID")
tf.nn.conv3d_transpose(A[None, None, ..., None], tf.ones((1, 2, 2, 1, 1)), [1, 1, 4, 6, 1], [1, 1, 2, 2, 1])
tf.nn.sufficient_statistics(A, [1])[:3]
tf.nn.normalize_moments(*tf.nn.sufficient_statistics(A, [1]))
tf.nn.normalize_moments(*tf.nn.sufficient_statistics(A, [0], shift=C, keepdims=True))
tf.nn.batch_norm_with_global_normalization(pictures, C + 1.0, tf.constant([1.0, 2.0, 3.0]), C, C, 1e-3, True)[0, 0]
tf.nn.dilation2d(pictures, tf.ones((2, 2, 3)) * 0.1, [1, 2, 2, 1], "SAME", "NHWC", [1, 1, 1, 1])
tf.nn.dilation2d(pictures, tf.ones((2, 2, 3)) * 0.1, [1, 1, 1, 1], "VALID", "NHWC", [1, 2, 2, 1])
tf.nn.erosion2d(pictures, tf.reshape(tf.range(12.0), (2, 2, 3)) * 0.1, [1, 2, 2, 1], "VALID", "NHWC", [1, 1, 1, 1])
tf.nn.max_pool_with_argmax(pictures, 2, 2, "VALID")
tf.nn.max_pool_with_argmax(pictures, 3, 2, "SAME", include_batch_in_index=True)[1]
tf.nn.max_pool_with_argmax(A[None, ..., None], [1, 2, 2, 1], [1, 1, 1, 1], "SAME")
tf.nn.atrous_conv2d_transpose(A[None, ..., None], tf.ones((2, 2, 1, 1)), [1, 4, 5, 1], 2, "VALID")
tf.nn.embedding_lookup_sparse(B, tf.sparse.from_dense([[1, 0], [1, 1]]), None, combiner="sum")
tf.nn.embedding_lookup_sparse(B, tf.sparse.from_dense([[1, 0], [1, 1]]), None)
tf.nn.embedding_lookup_sparse(B, tf.sparse.from_dense([[1, 1], [1, 1]]), tf.sparse.from_dense([[2.0, 1.0], [3.0, 4.0]]), combiner="sqrtn")
tf.nn.safe_embedding_lookup_sparse(B, tf.SparseTensor([[0, 0], [2, 0], [2, 1]], [1, 0, 1], [4, 2]))
tf.nn.safe_embedding_lookup_sparse(B, tf.SparseTensor([[0, 0], [2, 0], [2, 1]], [1, 0, 1], [4, 2]), default_id=1, combiner="sum")
tf.nn.collapse_repeated([[1, 1, 2, 2, 1], [1, 1, 1, 2, 3]], [5, 3])
tf.nn.nce_loss(tf.reshape(tf.range(12.0), (4, 3)) / 9, tf.zeros(4), tf.constant([[1], [2]], tf.int64), A / 5, 2, 4, sampled_values=(tf.constant([0, 3], tf.int64), tf.constant([[0.5], [0.4]]), tf.constant([0.7, 0.2])))
tf.nn.sampled_softmax_loss(tf.reshape(tf.range(12.0), (4, 3)) / 9, tf.zeros(4), tf.constant([[1], [2]], tf.int64), A / 5, 2, 4, sampled_values=(tf.constant([0, 3], tf.int64), tf.constant([[0.5], [0.4]]), tf.constant([0.7, 0.2])))
tf.nn.sampled_softmax_loss(tf.reshape(tf.range(12.0), (4, 3)) / 9, tf.zeros(4), tf.constant([[1], [3]], tf.int64), A / 5, 2, 4, sampled_values=(tf.constant([0, 3], tf.int64), tf.constant([[0.5], [0.4]]), tf.constant([0.7, 0.2])))
tf.nn.experimental.stateless_dropout(A, 0.0, [1, 2])
tf.random.uniform_candidate_sampler([[0]], 1, 3, False, 8)[1:]
tf.random.log_uniform_candidate_sampler([[0], [3]], 1, 3, False, 8)[1]
sorted(tf.random.log_uniform_candidate_sampler(tf.constant([[0]], tf.int64), 1, 8, True, 8)[0].numpy().tolist())
tf.random.all_candidate_sampler([[0], [1]], 1, 4, True)
tf.random.fixed_unigram_candidate_sampler([[0], [1]], 1, 3, False, 3, unigrams=[0.5, 0.25, 0.25])[1]
tf.random.stateless_gamma([3], [1, 2], 2.0).shape
tf.random.stateless_poisson([3], [1, 2], 2.0).dtype.name
tf.random.stateless_binomial([3], [1, 2], 10, 1.0)
tf.random.stateless_parameterized_truncated_normal([3], [1, 2], 0.0, 1.0, 5.0, 5.0001).shape
sorted(tf.random.experimental.stateless_shuffle([3, 1, 2], [1, 2]).numpy().tolist())
tf.random.experimental.Generator.from_seed(1).normal((2, 3)).shape
tf.sets.union([[1, 2], [3, 3]], [[2, 5], [3, 4]]).values
tf.sets.union([[1, 2], [3, 3]], [[2, 5], [3, 4]]).indices
tf.sets.union([[1, 2], [3, 3]], [[2, 5], [3, 4]]).dense_shape
tf.sparse.to_dense(tf.sets.intersection([[1, 2], [3, 4]], [[2, 5], [3, 4]]))
tf.sparse.to_dense(tf.sets.difference([[1, 2], [3, 4]], [[2, 5], [5, 4]]))
tf.sparse.to_dense(tf.sets.difference([[1, 2], [3, 4]], [[2, 5], [5, 4]], aminusb=False))
tf.sets.intersection([["a", "b"]], [["b", "c"]]).values
tf.sets.size(tf.sparse.from_dense([[1, 1, 2], [0, 0, 3]]))
tf.sparse.to_dense(tf.sparse.eye(2, 3))
tf.sparse.reduce_max(tf.sparse.from_dense([[1.0, 2.0], [0.0, -3.0]]), axis=1)
tf.sparse.to_dense(tf.sparse.minimum(tf.sparse.from_dense([[1, 0, 3]]), tf.sparse.from_dense([[2, 4, 0]])))
tf.sparse.softmax(tf.sparse.from_dense([[1.0, 2.0, 0.0], [0.0, 3.0, 0.0]])).values
[tf.sparse.to_dense(part) for part in tf.sparse.split(tf.sparse.from_dense([[1, 0, 3], [4, 5, 0]]), 2, 1)]
tf.sparse.to_dense(tf.sparse.map_values(tf.multiply, tf.sparse.from_dense([[1, 0, 3]]), 2))
tf.sparse.to_dense(tf.sparse.fill_empty_rows(tf.SparseTensor([[1, 1]], [5], [3, 2]), 9)[0])
tf.sparse.fill_empty_rows(tf.SparseTensor([[1, 1]], [5], [3, 2]), 9)[1]
tf.sparse.segment_sum(A, [0, 1, 0], [0, 0, 1])
tf.sparse.segment_mean(A, [0, 1, 0], [0, 0, 1])
tf.sparse.segment_sqrt_n(A, [0, 1, 0], [0, 0, 1])
tf.sparse.to_dense(tf.sparse.bincount([[1, 1, 3], [0, 2, 2]], axis=-1))
tf.sparse.to_dense(tf.sparse.bincount([1, 1, 3], weights=[0.5, 1.0, 2.0]))
tf.ragged.segment_ids_to_row_splits([0, 0, 2, 3])
tf.ragged.stack_dynamic_partitions([1, 2, 3, 4], [0, 2, 0, 2], 3)
tf.quantization.fake_quant_with_min_max_args(A, -4.0, 3.0)
tf.quantization.fake_quant_with_min_max_args(A, -4.0, 3.0, num_bits=4, narrow_range=True)
tf.quantization.fake_quant_with_min_max_vars(A, -C[0], C[2])
tf.quantization.fake_quant_with_min_max_vars_per_channel(A, [-1.0, -2.0, -3.0], [1.0, 2.0, 3.0])
tf.quantization.quantize_and_dequantize_v2(A, -4.0, 4.0, range_given=True, num_bits=4)
tf.quantization.quantize_and_dequantize_v2(B, 0.0, 0.0, signed_input=False, num_bits=3)
tf.quantization.quantize_and_dequantize_v2(A, 0.0, 0.0, round_mode="HALF_UP")
tf.space_to_batch(pictures, [2, 2], [[0, 0], [0, 0]])[:, 0, 0]
tf.space_to_batch_nd(A[..., None], [3], [[0, 0]])
tf.space_to_batch(A[..., None], [2], [[0, 1]])
tf.batch_to_space(tf.space_to_batch(A[..., None], [2], [[0, 1]]), [2], [[0, 1]])
tf.nn.space_to_batch(pictures, [3, 2], [[0, 0], [0, 0]]).shape
tf.histogram_fixed_width_bins([-1.0, 0.0, 1.5, 2.0, 5.0, 15.0], [0.0, 5.0], nbins=5)
tf.identity_n([A, C])
tf.guarantee_const(tf.constant(2.0))
tf.make_ndarray(tf.make_tensor_proto([[1.0, 2.0]]))
tf.realdiv(A, B)
tf.truncatediv(tf.constant(i), 3)
tf.truncatemod(tf.constant(i), 3)
tf.matrix_square_root(square)
tf.math.real(tf.eigvals(tf.constant([[2.0, 0.0], [0.0, 2.0]])))
tf.math.erfcinv([0.3, 1.0, 1.7])
tf.math.approx_max_k(A, 2)
tf.math.unsorted_segment_sqrt_n(A, [0, 0], 2)
tf.math.special.dawsn([0.5, 1.0, 2.0])
tf.math.special.bessel_j0([0.5, 1.0])
tf.math.special.bessel_k1e([0.5, 1.0])
tf.math.special.bessel_i0e(C)
tf.strings.unicode_split_with_offsets("Äpfel", "UTF-8")
tf.strings.unicode_decode_with_offsets(["Äp", "x"], "UTF-8")[1]
tf.strings.unicode_transcode(["Hello", "Äpfel"], "UTF-8", "UTF-16-BE")
tf.strings.unicode_transcode(b"A\\xfe\\xed", "UTF-8", "UTF-8", errors="replace", replacement_char=63)
tf.strings.unsorted_segment_join(["a", "b", "c"], [0, 2, 0], 3, ":")
tf.errors.InvalidArgumentError(None, None, "no").error_code
tf.errors.OUT_OF_RANGE
tf.errors.NotFoundError(None, None, "no").message
tf.debugging.assert_same_float_dtype([A, B]).name
tf.debugging.get_log_device_placement()
tf.config.experimental.get_synchronous_execution()
tf.saved_model.ASSETS_DIRECTORY + tf.saved_model.VARIABLES_DIRECTORY + tf.saved_model.TRAINING
tf.DeviceSpec.from_string("/job:a/device:GPU:1").to_string()
tf.DeviceSpec(device_type="CPU", device_index=0).to_string()
tf.get_current_name_scope()
tf.CriticalSection().execute(lambda: tf.constant(3))
isinstance(A, tf.Operation)
tf.TensorShape([2, None]).merge_with([None, 3])
tf.TensorShape([2, 3]).with_rank(2)
tf.TensorShape(None).with_rank_at_least(2).rank
tf.TensorShape([2, 3]).most_specific_compatible_shape([2, 4])
tf.float32.is_compatible_with(tf.float32)
tf.int32.is_quantized
tf.bool.is_numeric
tf.Variable([[1.0, 2.0], [3.0, 4.0]]).scatter_sub(tf.IndexedSlices([[1.0, 1.0]], [1]))
tf.Variable([[1.0, 2.0], [3.0, 4.0]]).scatter_mul(tf.IndexedSlices([[2.0, 3.0]], [1]))
tf.Variable([[1.0, 2.0], [3.0, 4.0]]).scatter_div(tf.IndexedSlices([[2.0, 4.0]], [0]))
tf.Variable([[1.0, 2.0], [3.0, 4.0]]).scatter_max(tf.IndexedSlices([[2.0, 0.0]], [0]))
tf.Variable([[1.0, 2.0], [3.0, 4.0]]).scatter_min(tf.IndexedSlices([[2.0, 0.0]], [0]))
tf.Variable([[1.0, 2.0], [3.0, 4.0]]).gather_nd([[0, 1], [1, 0]])
tf.Variable([[1.0, 2.0], [3.0, 4.0]]).sparse_read([1, 1])
tf.Variable(1.0).is_initialized()
tf.image.non_max_suppression_with_scores([[0.0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, 2, 1, 3]], [0.9, 0.8, 0.7], 3)
tf.image.non_max_suppression_with_scores([[0.0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, 2, 1, 3]], [0.9, 0.8, 0.7], 3, 1.0, soft_nms_sigma=0.5)
tf.image.non_max_suppression_padded([[0.0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, 2, 1, 3]], [0.9, 0.8, 0.7], 3, pad_to_max_output_size=True)
tf.image.non_max_suppression_overlaps([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]], [0.9, 0.8, 0.7], 3)
tf.image.extract_jpeg_shape(tf.io.encode_jpeg(picture))
tf.image.ssim_multiscale(tf.random.stateless_uniform([1, 1, 1, 1], [1, 2]) * 0 + tf.reshape(tf.range(192.0 * 192 * 1), (1, 192, 192, 1)) % 17 / 17, tf.reshape(tf.range(192.0 * 192 * 1), (1, 192, 192, 1)) % 19 / 19, 1.0)
tf.image.sample_distorted_bounding_box([20, 30, 3], [[[0.2, 0.2, 0.8, 0.8]]]).bboxes.shape
tf.image.sample_distorted_bounding_box([20, 30, 3], [[[0.0, 0.0, 1.0, 1.0]]], min_object_covered=1.0, aspect_ratio_range=[1.5, 1.5], area_range=[1.0, 1.0])
list(tf.data.Dataset.range(7).apply(tf.data.experimental.group_by_reducer(lambda x: x % 2, tf.data.experimental.Reducer(lambda k: tf.constant(0, tf.int64), lambda s, x: s + x, lambda s: s))).as_numpy_iterator())
list(tf.data.experimental.from_list([1, 2, 3]).as_numpy_iterator())
list(tf.data.Dataset.range(3).apply(tf.data.experimental.parallel_interleave(lambda x: tf.data.Dataset.from_tensors(x).repeat(2), 2)).as_numpy_iterator())
tf.data.experimental.at(tf.data.Dataset.range(5), 3)
list(tf.data.Dataset.range(4).map(lambda x: tf.debugging.check_numerics(1.0 / tf.cast(x, tf.float32), "m")).ignore_errors().as_numpy_iterator())
list(tf.data.Dataset.range(4).map(lambda x: tf.debugging.check_numerics(1.0 / tf.cast(x, tf.float32), "m")).apply(tf.data.experimental.ignore_errors()).as_numpy_iterator())
tf.data.experimental.get_next_as_optional(iter(tf.data.Dataset.range(2))).get_value()
bool(iter(tf.data.Dataset.range(0)).get_next_as_optional().has_value())
tf.data.experimental.Optional.from_value(tf.constant(3)).get_value()
repr(iter(tf.data.Dataset.range(2)).element_spec)
isinstance(iter(tf.data.Dataset.range(2)), tf.data.Iterator)
tf.data.ThreadingOptions().private_threadpool_size
(lambda q: (q.enqueue(1.0), q.enqueue_many(tf.constant([2.0, 3.0])), q.size(), q.dequeue(), q.dequeue_many(2))[2:])(tf.queue.FIFOQueue(10, tf.float32, shapes=[()]))
(lambda t: (t.insert(tf.constant(["a", "b"]), tf.constant([1, 2], tf.int64)), t.remove(tf.constant(["b"])), t.lookup(tf.constant(["a", "b"])), t.size())[2:])(tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1))
(lambda t: (t.insert([1, 2], [[1.0, 2.0], [3.0, 4.0]]), t[tf.constant([2, 9], tf.int64)])[1])(tf.lookup.experimental.MutableHashTable(tf.int64, tf.float32, [0.0, 0.0]))
(lambda t: (t.insert([1], [5]), t.lookup([1, 7]))[1])(tf.lookup.experimental.DenseHashTable(tf.int64, tf.int64, -1, empty_key=0, deleted_key=-2))
[np.round(part[0], 3) for part in tf.test.compute_gradient(lambda x: x**2, [tf.constant([1.0, 2.0])])]
tf.test.is_built_with_rocm()
tf.nn.compute_average_loss(C)
tf.nn.compute_average_loss(C, global_batch_size=8)
tf.nn.compute_average_loss(C, sample_weight=[1.0, 2.0, 0.0])
tf.nn.scale_regularization_loss(tf.reduce_sum(A))
tf.linalg.cholesky_solve(tf.linalg.cholesky(square), [[1.0], [2.0]])
tf.sort(tf.math.real(tf.linalg.eigvals(square)))
tf.sort(tf.math.real(tf.linalg.eig(square)[0]))
tf.linalg.matrix_rank(tf.ones((3, 2)))
tf.linalg.tensor_diag(C)
tf.linalg.tensor_diag_part(square)
tf.math.reciprocal_no_nan([2.0, 0.0])
tf.math.polygamma(1.0, B)
tf.math.lbeta(B)
tf.math.invert_permutation([2, 0, 1])
tf.math.softmax(A)
tf.math.log_softmax(A)
tf.math.softsign(A)
tf.signal.fftshift(A, axes=[1])
tf.signal.ifftshift(A)
tf.edit_distance(tf.sparse.from_dense([[1, 2, 3], [4, 0, 0]]), tf.sparse.from_dense([[1, 3, 3], [5, 6, 0]]))
tf.edit_distance(tf.sparse.from_dense([[1, 2, 3]]), tf.sparse.from_dense([[2, 3, 0]]), normalize=False)
tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
tf.compat.dimension_value(A.shape[0])
tf.constant(["x"]).dtype == tf.string
tf.random.split([1, 2], 3).shape
tf.random.fold_in([1, 2], 3).shape
A.dtype
A.dtype == "float32"
A.dtype == np.float32
A.dtype != tf.float64
A.dtype.name
A.dtype.is_floating
A.dtype.as_numpy_dtype is np.float32
A.dtype.base_dtype == tf.float32
A.dtype.min
A.dtype.size
str(A.dtype)
repr(tf.constant(1).dtype)
"{}".format(tf.constant([1, 2]).dtype)
tf.Variable(1.0).dtype == "float32"
tf.Variable(1.0).dtype.name
tf.Variable([1, 2]).shape.as_list()
tf.cast(i, A.dtype)
tf.zeros((2,), dtype=A.dtype)
A.get_shape()
A.get_shape().as_list()
A.shape.rank
str(A.shape)
repr(A.shape)
repr(A.shape[1:])
A.shape == (2, 3)
A.shape == [2, 3]
f"{A[0, 0]}"
f"{A}"
"{} {:.2f}".format(tf.constant(2), A[0, 1])
f"{tf.constant('a')}"
"%.3f %d" % (A[0, 1], tf.constant(7))
int(tf.constant(7))
len(tf.zeros((4, 2)))
bool(tf.constant(1) > 0)
list(range(tf.constant(3)))
[1, 2, 3][tf.constant(1)]
[float(x) for x in C]
tf.constant("abc").numpy().decode()
tf.constant(["a", "b"]).numpy()[1].decode()
np.squeeze(A[None])
np.argmax(A, axis=1)
np.mean(A)
np.max(A, axis=0)
np.array([A[0, 0], A[0, 1]])
np.asarray(A)
np.expand_dims(A, 0).shape
np.concatenate([A, B])
np.sqrt(B)
np.round(A)
np.allclose(A, A.numpy())
max(C), min(C)
sum(C)
sorted(tf.constant([3, 1, 2]).numpy().tolist())
A[0].numpy().tolist()
A.numpy().astype("int32")
type(A.numpy()) is np.ndarray
type(A[0, 0].numpy()) is np.float32
tf.data.experimental.AUTOTUNE
tf.data.AUTOTUNE
tf.minimum(A, B)
tf.multiply(A, B)
tf.multiply(i, 2)
tf.floor(A / 2)
tf.not_equal(A, B)
tf.dtypes.float32 == tf.float32
tf.bool.name
tf.int16.size
tf.constant([1], tf.int16)
tf.constant([True], tf.bool)
isinstance(A, tf.Tensor)
isinstance(tf.Variable(1.0), tf.Variable)
tf.image.decode_png(tf.io.encode_png(picture))
tf.image.decode_png(tf.io.encode_png(picture), channels=1)
tf.image.decode_jpeg(tf.io.encode_jpeg(picture), channels=3).shape
tf.image.random_flip_left_right(tf.concat([picture, picture[:, ::-1]], 1))
tf.math.reduce_mean(A, axis=0)
tf.math.reduce_sum(A, axis=1, keepdims=True)
tf.math.reduce_max(A, axis=1)
tf.math.not_equal(i, 3)
tf.py_function(lambda x: np.asarray(x)[::-1] + 1, [i], [tf.int32])
tf.py_function(lambda x, y: (x + y, x * y), [C, C], [tf.float32, tf.float32])
tf.abs(i)
tf.cast(A, tf.int32)
tf.cast(i, tf.float32) * A[0, 0]
tf.cast(True, "float32")
tf.constant(1)
tf.constant(1.5)
tf.constant([1, 2.5])
tf.constant(np.float64(2))
tf.constant([[1, 2], [3, 4]], dtype=tf.float32)
tf.constant(3.0, shape=(2, 2))
tf.constant([1, 2, 3, 4], shape=(2, 2))
tf.constant("text")
tf.constant(["a", "bc"])
tf.convert_to_tensor(np.arange(3))
tf.convert_to_tensor([A[0], B[0]])
tf.convert_to_tensor([1, 2], dtype=tf.float64)
tf.convert_to_tensor(tf.Variable([1.0, 2.0]))
tf.Variable(2.0) * 3.0
tf.Variable([1.0, 2.0])[0]
tf.Variable(1).dtype == tf.int32
A + B
A + 1
1 - A
A * B - A / B
A // B
A % B
A ** 2
2.0 ** A
-A
abs(A)
A @ tf.transpose(B)
A > B
A <= 1
A == B
A != A
(A > 0) & (B > 1)
(A > 0) | (B > 1)
~(A > 0)
i + tf.constant(i)
tf.constant(i) / 2
tf.constant(i) // 2
tf.constant(i) % 3
tf.constant(7) / tf.constant(2)
A[0]
A[:, 1]
A[..., tf.newaxis]
A[:, ::-1]
A[::-1, 1:]
A[-1, -2:]
A[tf.constant(1)]
A[A > 0]
np.ones((2, 3)) * A
np.float32(2) * A
A.shape
A.shape.as_list()
A.shape[0]
A.shape[1:]
A.get_shape().as_list()
A.shape.ndims
A.shape.num_elements()
A.dtype == tf.float32
len(A)
float(A[0, 0])
f"{A[0, 1]:.3f}"
str(A)
repr(A)
str(tf.constant(3))
str(tf.constant(2.5))
repr(tf.constant(["a", "b"]))
str(tf.constant("a"))
repr(tf.constant([True, False]))
repr(tf.range(3))
str(tf.float32)
repr(tf.int64)
tf.float32.name
tf.float32.as_numpy_dtype is np.float32
tf.float16.max
tf.int8.min
tf.float32 == "float32"
tf.as_dtype("int32") == tf.int32
tf.bfloat16.is_floating
tf.int32.is_integer
tf.uint8.size
tf.TensorShape([None, 3]).is_compatible_with([2, 3])
str(tf.TensorShape([None, 3]))
repr(tf.TensorShape([2, 3]).concatenate([4]))
tf.TensorShape([2, 3]) == (2, 3)
repr(tf.TensorSpec([None, 2], tf.int32, name="x"))
tf.TensorSpec([None, 2], tf.float32).is_compatible_with(tf.ones((4, 2)))
tf.shape(A)
tf.shape(A)[0]
tf.shape(A, out_type=tf.int64)
tf.size(A)
tf.rank(A)
tf.zeros((2, 3))
tf.zeros([2], tf.int32)
tf.zeros((2,), tf.string)
tf.ones((2, 2), dtype="int64")
tf.ones(3)
tf.zeros_like(i)
tf.ones_like(A, dtype=tf.int32)
tf.fill([2, 3], 7)
tf.fill((2,), "x")
tf.eye(3)
tf.eye(2, 3, batch_shape=[2])
tf.range(5)
tf.range(2, 8, 3)
tf.range(3.0)
tf.range(start=0, limit=1, delta=0.25)
tf.range(tf.constant(4))
tf.range(5, dtype=tf.float32)
tf.linspace(0.0, 1.0, 5)
tf.linspace(0, 10, 3)
tf.linspace(A[0], B[0], 3)
tf.linspace(A[0], B[0], 3, axis=-1)
tf.reshape(A, [3, -1])
tf.reshape(A, (-1,))
tf.reshape(A, tf.constant([1, 6]))
tf.reshape(words, (3, 1))
tf.transpose(A)
tf.transpose(A[None], [2, 0, 1])
tf.expand_dims(A, -1)
tf.expand_dims(words, 0)
tf.squeeze(A[None])
tf.squeeze(A[None, :, :, None], [0])
tf.concat([A, B], 0)
tf.concat([A, B], axis=-1)
tf.concat([words, ["x"]], 0)
tf.stack([A, B])
tf.stack([A, B], axis=-1)
tf.stack([1, 2, 3])
tf.unstack(A)
tf.unstack(A, axis=1)
tf.split(A, 3, axis=1)
tf.split(A, [1, -1], axis=1)
tf.tile(A, [2, 1])
tf.repeat(A, 2, axis=0)
tf.repeat([1, 2], [1, 3])
tf.repeat(A, 2)
tf.broadcast_to(C, (2, 3))
tf.reverse(A, [1])
tf.roll(A, 1, axis=1)
tf.roll(A, [1, 2], [0, 1])
tf.pad(A, [[1, 0], [0, 2]])
tf.pad(A, [[1, 1], [2, 2]], "REFLECT")
tf.pad(A, [[1, 1], [2, 2]], "SYMMETRIC")
tf.pad(A, [[0, 0], [1, 1]], constant_values=5)
tf.identity(A)
tf.stop_gradient(A) * B
tf.one_hot([0, 2, -1], 3)
tf.one_hot([0, 1], depth=2, on_value=5.0, off_value=-1.0, axis=0)
tf.one_hot([[0, 1], [1, 2]], 3, dtype=tf.int32)
tf.one_hot([1, 0], 2, on_value=True, off_value=False)
tf.meshgrid([1, 2], [3, 4, 5])
tf.meshgrid([1.0, 2.0], [3.0, 4.0, 5.0], indexing="ij")
tf.sequence_mask([1, 3, 2], 5)
tf.sequence_mask([1, 3], dtype=tf.float32)
tf.clip_by_value(A, -1.0, 2.0)
tf.clip_by_value(A, -1, B)
tf.clip_by_norm(A, 2.0)
tf.clip_by_norm(A, 2.0, axes=[1])
tf.clip_by_global_norm([A, B], 3.0)
tf.linalg.global_norm([A, B])
tf.histogram_fixed_width([0.0, 1.1, 2.5, 9.0], [0.0, 5.0], nbins=5)
tf.bitcast(tf.constant(1.0), tf.int32)
tf.saturate_cast([300.0, -5.0, 7.7], tf.uint8)
tf.broadcast_static_shape(tf.TensorShape([3, 1]), tf.TensorShape([1, 4])).as_list()
tf.broadcast_dynamic_shape([3, 1], [1, 4])
tf.ensure_shape(A, (None, 3))
tf.gather(A, [1, 0])
tf.gather(A, [[0, 2], [1, 1]], axis=1)
tf.gather(A, [[0, 2], [1, 1]], batch_dims=1)
tf.gather(A, [2, 0], axis=-1)
tf.gather(words, [2, 0])
tf.gather_nd(A, [[0, 1], [1, 2]])
tf.gather_nd(A, [[1], [0]])
tf.gather_nd(A, [[[1], [0]], [[2], [1]]], batch_dims=1)
tf.scatter_nd([[0], [2], [0]], C, [4])
tf.scatter_nd([[0, 1], [1, 0]], [5.0, 6.0], (2, 2))
tf.tensor_scatter_nd_update(A, [[0, 1], [1, 2]], [9.0, 8.0])
tf.tensor_scatter_nd_update(A, [[1]], [C])
tf.tensor_scatter_nd_add(C, [[0], [0], [2]], [1.0, 2.0, 3.0])
tf.tensor_scatter_nd_sub(C, [[0], [2]], [1.0, 2.0])
tf.tensor_scatter_nd_max(C, [[0], [1]], [0.1, 2.0])
tf.tensor_scatter_nd_min(A, [[0, 0], [1, 1]], [0.1, 20.0])
tf.boolean_mask(A, A > 0)
tf.boolean_mask(A, mask, axis=1)
tf.boolean_mask(words, mask)
tf.where(A > 0, A, 0.0)
tf.where(A > 0)
tf.where(mask, C, A)
tf.where(mask, words, "none")
tf.slice(A, [0, 1], [2, -1])
tf.strided_slice(A, [0, 0], [2, 3], [1, 2])
tf.sort(A)
tf.sort(A, direction="DESCENDING", axis=0)
tf.argsort(A)
tf.argsort([3, 1, 1, 2], direction="DESCENDING")
tf.searchsorted([1.0, 3.0, 5.0], [0.0, 3.0, 6.0])
tf.searchsorted([1, 3, 5], [3, 4], side="right")
tf.unique([3, 1, 3, 2, 1])
tf.unique_with_counts([3, 1, 3, 2, 1])
tf.unravel_index([5, 2], [2, 3])
tf.reverse_sequence(A, [2, 3], seq_axis=1, batch_axis=0)
tf.dynamic_partition(C, [0, 1, 0], 2)
tf.dynamic_stitch([[0, 2], [1]], [[1.0, 3.0], [2.0]])
tf.matmul(A, B, transpose_b=True)
tf.matmul(A, B, transpose_a=True)
tf.linalg.matmul(A[None], tf.transpose(B)[None])
tf.linalg.matvec(A, C)
tf.tensordot(A, B, [[1], [1]])
tf.tensordot(A, tf.transpose(B), 1)
tf.einsum("ij,kj->ik", A, B)
tf.einsum("ij,ij->", A, B)
tf.norm(A)
tf.norm(A, axis=1)
tf.norm(A, ord=1, axis=0)
tf.norm(A, ord=np.inf)
tf.norm(A, axis=[0, 1], keepdims=True)
tf.linalg.normalize(A, axis=1)
tf.linalg.trace(square)
tf.linalg.det(square)
tf.linalg.inv(square)
tf.linalg.diag(C)
tf.linalg.diag_part(square)
tf.linalg.set_diag(square, [9.0, 8.0])
tf.linalg.band_part(A, 0, 1)
tf.linalg.band_part(tf.ones((4, 4)), -1, 0)
tf.linalg.cholesky(square)
tf.linalg.solve(square, [[1.0], [2.0]])
tf.linalg.triangular_solve(square, [[1.0], [2.0]])
tf.linalg.lstsq(tf.transpose(A), [[1.0], [2.0], [3.0]])
tf.linalg.eigh(square)[0]
tf.linalg.eigvalsh(square)
tf.linalg.svd(A)[0]
tf.linalg.svd(A, compute_uv=False)
tf.linalg.slogdet(square)
tf.linalg.logdet(square)
tf.linalg.pinv(A)
tf.linalg.expm(square)
tf.linalg.cross(C, [1.0, 2.0, 3.0])
tf.linalg.matrix_transpose(A)
tf.linalg.adjoint(A)
tf.add_n([A, B, A])
tf.argmax(A, axis=1)
tf.argmax(A, -1, output_type=tf.int32)
tf.math.argmax(i)
tf.argmin(A, axis=-1)
tf.reduce_sum(A, axis=0)
tf.reduce_sum(A, [0, 1], keepdims=True)
tf.reduce_sum(i)
tf.reduce_mean(A, axis=-1)
tf.reduce_mean([1, 2])
tf.reduce_max(A, axis=1, keepdims=True)
tf.reduce_min(i, 0)
tf.reduce_prod(A, (0, 1))
tf.reduce_prod(i, 1)
tf.reduce_any([[True, False], [False, False]], 1)
tf.reduce_all([[True, True], [False, True]], axis=1)
tf.reduce_logsumexp(A, 1)
tf.math.reduce_std(A, 0)
tf.math.reduce_variance(A, axis=1)
tf.math.top_k([1.0, 3.0, 2.0, 3.0], k=3)
tf.math.top_k(A, 2).indices
tf.math.in_top_k([1, 0], A, 1)
tf.math.confusion_matrix([0, 1, 1], [0, 1, 0])
tf.math.confusion_matrix([0, 1], [0, 1], num_classes=3, weights=[2, 5])
tf.math.bincount([1, 1, 3])
tf.math.bincount([1, 1, 3], weights=[0.5, 1.0, 2.0], minlength=6)
tf.math.bincount([1, 1, 7], maxlength=5)
tf.math.bincount([[1, 2, 2], [0, 5, 1]], axis=-1)
tf.math.bincount([[1, 2, 2], [0, 5, 1]], axis=-1, weights=[[1.0, 2.0, 3.0], [0.5, 0.5, 1.0]])
tf.math.bincount([[1, 2, 2], [0, 5, 1]], axis=-1, binary_output=True)
tf.math.bincount([[1, 2, 2], [0, 5, 1]], axis=-1, maxlength=3)
tf.sparse.to_dense(tf.sparse.add(tf.sparse.from_dense([[1.0, 0.25], [2.0, 0.0]]), tf.sparse.from_dense([[0.0, 0.0], [-1.9, 1.0]]), 0.3))
tf.sparse.to_dense(tf.sparse.concat(0, [tf.sparse.from_dense([[1, 0, 3]]), tf.sparse.from_dense([[0, 2]])], expand_nonconcat_dims=True))
tf.sparse.to_dense(tf.sparse.concat(-1, [tf.sparse.from_dense([[1, 0]]), tf.sparse.from_dense([[0, 2]])]))
tf.math.segment_sum(A, [0, 0])
tf.math.segment_mean(A, [0, 1])
tf.math.segment_max(A, [0, 0])
tf.math.unsorted_segment_sum(C, [1, 0, 1], 3)
tf.math.unsorted_segment_max(C, [1, 0, 1], 2)
tf.math.unsorted_segment_mean(C, [1, 0, 1], 2)
tf.math.unsorted_segment_min(A, [1, 1], 2)
tf.math.unsorted_segment_prod(C, [1, 0, 1], 3)
tf.cumsum(A, axis=1)
tf.cumsum(A, 1, exclusive=True)
tf.cumsum(A, 1, reverse=True)
tf.cumsum(A, 1, exclusive=True, reverse=True)
tf.cumsum(i)
tf.math.cumprod(A, axis=1, exclusive=True)
tf.math.polyval([2.0, 3.0, 1.0], C)
tf.math.betainc(2.0, 3.0, 0.4)
tf.math.betainc(0.5, 0.5, 0.25)
tf.math.igamma(2.0, 1.5)
tf.math.zeta(3.0, 1.5)
tf.math.scalar_mul(2.0, A)
tf.math.l2_normalize(A, axis=1)
tf.math.pow(B, 2.0)
tf.pow(2, 3)
tf.math.reduce_euclidean_norm(A, axis=1)
tf.math.logical_and(A > 0, B > 1)
tf.math.logical_or(A > 0, B > 2)
tf.math.logical_xor(A > 0, B > 1)
tf.complex(1.0, 2.0)
tf.math.real(tf.complex(C, C))
tf.math.imag(tf.complex(C, 2 * C))
tf.abs(tf.complex(3.0, 4.0))
tf.math.conj(tf.complex(1.0, 2.0))
tf.math.angle(tf.complex(1.0, 1.0))
tf.bitwise.bitwise_and(6, 3)
tf.bitwise.left_shift(i, 1)
tf.bitwise.invert(i)
tf.nn.relu(A)
tf.nn.relu6(A * 3)
tf.nn.leaky_relu(A)
tf.nn.leaky_relu(A, alpha=0.1)
tf.nn.elu(A)
tf.nn.selu(A)
tf.nn.gelu(A)
tf.nn.gelu(A, approximate=True)
tf.nn.silu(A)
tf.nn.swish(A, beta=1.5)
tf.nn.softsign(A)
tf.nn.softplus(A)
tf.nn.sigmoid(A)
tf.nn.tanh(A)
tf.nn.crelu(A)
tf.nn.softmax(A)
tf.nn.softmax(A, axis=0)
tf.nn.log_softmax(A)
tf.nn.bias_add(A, C)
tf.nn.l2_loss(A)
tf.nn.l2_normalize(A, axis=-1)
tf.nn.moments(A, axes=[0])
tf.nn.moments(A, [0, 1], keepdims=True)
tf.nn.weighted_moments(A, [0], [[1.0], [3.0]])
tf.nn.batch_normalization(A, C, B[0], C, B[1], 1e-3)
tf.nn.local_response_normalization(pictures, 1, 1.0, 0.5, 0.75)
tf.nn.embedding_lookup(A, [1, 0, 1])
tf.nn.embedding_lookup(A, [[0, 1]], max_norm=2.0)
tf.nn.zero_fraction([0.0, 1.0])
tf.nn.top_k(A, 1)
tf.nn.sigmoid_cross_entropy_with_logits(labels=[[1.0, 0.0, 1.0]], logits=A[:1])
tf.nn.weighted_cross_entropy_with_logits([[1.0, 0.0, 1.0]], A[:1], 2.0)
tf.nn.softmax_cross_entropy_with_logits(labels=[[0.0, 1.0, 0.0]], logits=A[:1])
tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[1, 0], logits=A)
tf.nn.log_poisson_loss([1.0, 2.0, 3.0], C)
tf.nn.ctc_loss([[1, 2]], tf.reshape(B, (2, 1, 3)), [2], [2])
tf.nn.conv2d(pictures, tf.ones((2, 2, 3, 4)) * 0.1, 1, "SAME")
tf.nn.conv2d(pictures, tf.ones((3, 3, 3, 2)) * 0.1, [1, 2, 2, 1], "VALID")
tf.nn.conv2d(pictures, tf.ones((3, 3, 3, 2)) * 0.1, 2, "SAME")
tf.nn.conv1d(tf.reshape(B, (1, 2, 3)), tf.ones((2, 3, 2)), 1, "SAME")
tf.nn.conv2d_transpose(pictures, tf.ones((2, 2, 4, 3)) * 0.1, (2, 12, 16, 4), 2)
tf.nn.conv2d_transpose(pictures, tf.ones((3, 3, 1, 3)) * 0.1, (2, 13, 17, 1), 2, "VALID")
tf.nn.conv2d_transpose(pictures, tf.reshape(tf.range(27.0), (3, 3, 1, 3)), (2, 12, 16, 1), 2, "SAME")
tf.nn.depthwise_conv2d(pictures, tf.ones((2, 2, 3, 2)), [1, 1, 1, 1], "VALID")
tf.nn.separable_conv2d(pictures, tf.ones((2, 2, 3, 1)), tf.ones((1, 1, 3, 2)), [1, 1, 1, 1], "SAME")
tf.nn.max_pool2d(pictures, 2, 2, "VALID")
tf.nn.max_pool(pictures, 3, 2, "SAME")
tf.nn.avg_pool2d(pictures, 2, 2, "SAME")
tf.nn.avg_pool(pictures, [1, 3, 3, 1], [1, 2, 2, 1], "SAME")
tf.nn.max_pool1d(tf.reshape(B, (1, 6, 1)), 2, 2, "VALID")
tf.nn.space_to_depth(pictures, 2)
tf.nn.depth_to_space(tf.reshape(tf.range(16), (1, 2, 2, 4)), 2)
tf.nn.dropout(A, 0.0)
tf.image.resize(picture, (3, 4))
tf.image.resize(pictures, [9, 5])
tf.image.resize(pictures, (12, 16), method="nearest")
tf.image.resize(picture, (3, 4), method=tf.image.ResizeMethod.NEAREST_NEIGHBOR)
tf.image.resize(pictures, (9, 12), method="bicubic")
tf.image.resize(pictures, (4, 5), method="area")
tf.image.resize(pictures, (3, 4), antialias=True)
tf.image.resize(pictures, (3, 4), method="bicubic", antialias=True)
tf.image.resize(pictures, (9, 12), method="lanczos3")
tf.image.resize(pictures, (4, 4), method="gaussian")
tf.image.resize(pictures, (9, 12), method="mitchellcubic")
tf.image.resize(pictures, (10, 10), preserve_aspect_ratio=True)
tf.image.resize_with_pad(picture, 8, 8)
tf.image.resize_with_crop_or_pad(picture, 3, 9)
tf.image.pad_to_bounding_box(picture, 1, 2, 8, 9)
tf.image.crop_to_bounding_box(picture, 1, 2, 3, 3)
tf.image.central_crop(picture, 0.5)
tf.image.crop_and_resize(pictures, [[0.0, 0.0, 1.0, 1.0], [0.2, 0.3, 1.2, 0.9]], [0, 1], (3, 4))
tf.image.extract_patches(pictures, [1, 2, 2, 1], [1, 2, 2, 1], [1, 1, 1, 1], "VALID")
tf.image.extract_patches(pictures, [1, 3, 3, 1], [1, 2, 2, 1], [1, 1, 1, 1], "SAME")
tf.image.flip_left_right(picture)
tf.image.flip_up_down(picture)
tf.image.rot90(picture)
tf.image.rot90(picture, k=3)
tf.image.transpose(picture)
tf.image.convert_image_dtype(picture, tf.float32)
tf.image.convert_image_dtype(pictures, tf.uint8)
tf.image.convert_image_dtype(picture, tf.int32)
tf.image.adjust_brightness(picture, 0.1)
tf.image.adjust_brightness(pictures, -0.2)
tf.image.adjust_contrast(pictures, 1.5)
tf.image.adjust_contrast(picture, 0.5)
tf.image.adjust_gamma(pictures, 2.0, 0.5)
tf.image.adjust_hue(pictures, 0.1)
tf.image.adjust_saturation(pictures, 0.5)
tf.image.rgb_to_grayscale(picture)
tf.image.rgb_to_grayscale(pictures)
tf.image.grayscale_to_rgb(tf.constant(picture[..., :1]))
tf.image.rgb_to_hsv(pictures)
tf.image.hsv_to_rgb(pictures)
tf.image.rgb_to_yuv(pictures)
tf.image.yuv_to_rgb(pictures)
tf.image.rgb_to_yiq(pictures)
tf.image.per_image_standardization(picture)
tf.image.per_image_standardization(pictures)
tf.image.psnr(pictures, pictures ** 2, 1.0)
tf.image.psnr(picture, picture // 2, 255)
tf.image.ssim(tf.image.resize(pictures, (16, 16)), tf.image.resize(pictures ** 2, (16, 16)), 1.0)
tf.image.total_variation(tf.constant(pictures))
tf.image.image_gradients(tf.constant(pictures))
tf.image.sobel_edges(tf.constant(pictures))
tf.image.non_max_suppression([[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.9], [0.5, 0.5, 2.0, 2.0]], [0.6, 0.9, 0.5], 3)
tf.image.combined_non_max_suppression([[[[0.0, 0.0, 1.0, 1.0]], [[0.0, 0.0, 1.0, 0.9]], [[0.5, 0.5, 1.5, 1.5]]]], [[[0.6], [0.9], [0.5]]], 2, 4)
tf.image.draw_bounding_boxes(pictures, [[[0.1, 0.2, 0.8, 0.9]], [[0.0, 0.0, 0.5, 0.5]]], [[1.0, 0.0, 0.5]])
tf.image.random_crop(picture, (5, 6, 3))
tf.io.decode_png(tf.io.encode_png(picture))
tf.io.decode_png(tf.io.encode_png(picture), channels=1).shape.as_list()
tf.io.decode_image(tf.io.encode_png(picture), channels=3)
tf.io.decode_image(tf.io.encode_png(picture[..., :1])).shape.as_list()
tf.io.is_jpeg(tf.io.encode_jpeg(picture))
tf.io.decode_jpeg(tf.io.encode_jpeg(picture)).shape.as_list()
tf.io.decode_raw("abcd", tf.uint8)
tf.io.decode_raw(["abcdefgh"], tf.int32)
tf.io.decode_csv(["1,2.5,x", "2,,y"], [[0], [1.5], [""]])
tf.io.encode_base64("hello?>")
tf.io.decode_base64("aGVsbG8_Pg")
tf.io.parse_tensor(tf.io.serialize_tensor(A), tf.float32)
tf.io.parse_tensor(tf.io.serialize_tensor(["a", "b"]), tf.string)
tf.io.serialize_tensor([1, 2])
tf.io.parse_single_example(tf.train.Example(features=tf.train.Features(feature={"a": tf.train.Feature(int64_list=tf.train.Int64List(value=[1, -2])), "b": tf.train.Feature(float_list=tf.train.FloatList(value=[0.5])), "c": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"x"]))})).SerializeToString(), {"a": tf.io.FixedLenFeature([2], tf.int64), "b": tf.io.FixedLenFeature([], tf.float32), "c": tf.io.FixedLenFeature([], tf.string), "d": tf.io.FixedLenFeature([], tf.int64, default_value=7)})
str(tf.train.Example(features=tf.train.Features(feature={"a": tf.train.Feature(int64_list=tf.train.Int64List(value=[1, -2]))})))
tf.train.Example.FromString(b"\\n\\r\\n\\x0b\\n\\x01a\\x12\\x06\\x1a\\x04\\n\\x02\\x01\\x05").features.feature["a"].int64_list.value[:]
tf.strings.lower(words)
tf.strings.lower("ÄB")
tf.strings.lower("ÄB", encoding="utf-8")
tf.strings.upper(words)
tf.strings.strip("  a b ")
tf.strings.regex_replace(words, "[aeiou]", "*")
tf.strings.regex_replace("<br />a  b", "<br />", " ")
tf.strings.regex_replace("ab12", r"([a-z]+)(\\d+)", r"\\2-\\1")
tf.strings.regex_replace("aaa", "a", "b", replace_global=False)
tf.strings.regex_replace("it's. ok!", "[%s]" % "!.'", "")
tf.strings.regex_replace("Hi, there!", "[^ a-z.?!,¿]", "")
tf.strings.regex_replace("a.b", r"([.?!,])", r" \\1 ")
tf.strings.regex_full_match(["ab", "abc"], "a.")
tf.strings.split("a b  c")
tf.strings.split(words)
tf.strings.split("a,b,,c", sep=",")
tf.strings.split(["a,b", "c"], ",").to_list()
tf.strings.split("a,b,c", ",", maxsplit=1)
tf.strings.split(words).row_lengths()
tf.strings.bytes_split("abc")
tf.strings.unicode_split("äbc", "UTF-8")
tf.strings.unicode_split(["äb", "c"], input_encoding="UTF-8")
tf.strings.unicode_decode("äb", "UTF-8")
tf.strings.unicode_encode([228, 98], "UTF-8")
tf.strings.join(["a", "b", "c"], separator="-")
tf.strings.join([words, words])
tf.strings.reduce_join(["a", "b", "c"])
tf.strings.reduce_join([["a", "b"], ["c", "d"]], axis=-1, separator="+")
tf.strings.reduce_join([["a", "b"], ["c", "d"]], axis=0)
tf.strings.length(words)
tf.strings.length("äb", unit="UTF8_CHAR")
tf.strings.substr("hello", 1, 3)
tf.strings.substr("hello", -3, 2)
tf.strings.to_number(["1.5", "2"])
tf.strings.to_number("12", tf.int32)
tf.strings.as_string([1, 2])
tf.strings.as_string(2.5)
tf.strings.as_string(3.14159, precision=2)
tf.strings.as_string([True])
tf.strings.format("x = {}", tf.constant(3))
tf.strings.ngrams(["a", "b", "c"], 2)
tf.strings.to_hash_bucket_fast(["a", "hello", "some longer text"], 1000)
tf.constant("a") + "b"
tf.constant(["a", "b"]) == "a"
tf.equal(["a", "b"], ["a", "c"])
tf.ragged.constant([[1, 2], [], [3]])
tf.ragged.constant([[1, 2], [], [3]]).to_tensor()
tf.ragged.constant([[1.0, 2.0], [3.0]]).to_tensor(default_value=-1.0)
tf.ragged.constant([[1, 2], [3]]).to_tensor(shape=[None, 3])
tf.ragged.constant([["a", "b"], ["c"]]).to_tensor()
tf.ragged.constant([["a", "b"], ["c"]])
tf.ragged.constant([[1, 2], [], [3]]).row_splits
tf.ragged.constant([[1, 2], [], [3]]).row_lengths()
tf.ragged.constant([[1, 2], [], [3]]).value_rowids()
tf.ragged.constant([[1, 2], [], [3]]).flat_values
tf.ragged.constant([[1, 2], [], [3]]).bounding_shape()
tf.ragged.constant([[1, 2], [], [3]]).shape.as_list()
tf.ragged.constant([[1, 2], [], [3]]).nrows()
tf.ragged.constant([[1, 2], [], [3]])[0]
tf.ragged.constant([[1, 2], [], [3]])[1:]
tf.ragged.constant([[1, 2], [4, 5, 6]])[:, :1]
tf.ragged.constant([[1, 2], [4, 5, 6]])[1, 2]
tf.ragged.constant([[1, 2], [], [3]]) + 1
tf.ragged.constant([[[1], [2, 3]], [[4]]])
tf.ragged.constant([[[1], [2, 3]], [[4]]]).merge_dims(0, 1)
tf.ragged.constant([[[1], [2, 3]], [[4]]]).merge_dims(1, 2)
tf.ragged.constant([[[1], [2, 3]], [[4]]]).to_tensor()
tf.reduce_sum(tf.ragged.constant([[1, 2], [], [3]]), axis=1)
tf.reduce_mean(tf.ragged.constant([[1.0, 2.0], [3.0]]), axis=1)
tf.reduce_sum(tf.ragged.constant([[1, 2], [3]]), axis=0)
tf.concat([tf.ragged.constant([[1], [2, 3]]), tf.ragged.constant([[4]])], axis=0)
tf.concat([tf.ragged.constant([[1], [2, 3]]), tf.ragged.constant([[4], [5]])], axis=1)
tf.gather(tf.ragged.constant([[1], [2, 3]]), [1, 0])
tf.cast(tf.ragged.constant([[1], [2, 3]]), tf.float32)
tf.ragged.stack([[1, 2], [3]])
tf.ragged.range([3, 1])
tf.ragged.boolean_mask([[1, 2, 3], [4, 5, 6]], [[True, False, True], [False, True, False]])
tf.ragged.map_flat_values(tf.abs, tf.ragged.constant([[-1], [2, -3]]))
tf.RaggedTensor.from_row_splits([1, 2, 3], [0, 2, 3])
tf.RaggedTensor.from_row_lengths([1, 2, 3], [1, 2])
tf.RaggedTensor.from_value_rowids([1, 2, 3], [0, 0, 2])
tf.RaggedTensor.from_tensor([[1, 2], [3, 0]], padding=0)
str(tf.ragged.constant([[1, 2], []]))
tf.sparse.to_dense(tf.SparseTensor([[0, 1], [1, 2]], [5.0, 6.0], [2, 3]))
tf.sparse.to_dense(tf.SparseTensor([[0, 1]], [1], [1, 2]), default_value=-1)
tf.sparse.to_dense(tf.SparseTensor([[0, 1]], ["x"], [1, 2]))
tf.sparse.from_dense([[0, 3], [4, 0]]).indices
tf.sparse.from_dense([[0, 3], [4, 0]]).values
tf.sparse.to_dense(tf.sparse.reorder(tf.SparseTensor([[1, 0], [0, 1]], [1, 2], [2, 2])))
tf.sparse.sparse_dense_matmul(tf.SparseTensor([[0, 1], [1, 2]], [5.0, 6.0], [2, 3]), tf.transpose(B))
tf.sparse.reduce_sum(tf.SparseTensor([[0, 1], [1, 2]], [5.0, 6.0], [2, 3]), axis=1)
tf.sparse.to_dense(tf.sparse.transpose(tf.SparseTensor([[0, 1], [1, 2]], [5.0, 6.0], [2, 3])))
tf.sparse.to_dense(tf.sparse.slice(tf.SparseTensor([[0, 1], [1, 2]], [5.0, 6.0], [2, 3]), [0, 1], [2, 2]))
tf.sparse.to_dense(tf.sparse.concat(0, [tf.sparse.from_dense([[1, 0]]), tf.sparse.from_dense([[0, 2]])]))
tf.signal.rfft(wave)
tf.signal.irfft(tf.signal.rfft(wave))
tf.signal.stft(wave, 16, 8)
tf.signal.stft(wave, 16, 8, fft_length=32, pad_end=True)
tf.signal.frame(wave, 10, 7)
tf.signal.frame(wave, 10, 7, pad_end=True)
tf.signal.hann_window(8)
tf.signal.hamming_window(8, periodic=False)
tf.signal.inverse_stft(tf.signal.stft(wave, 16, 8), 16, 8)
tf.signal.overlap_and_add(tf.ones((3, 4)), 2)
tf.signal.dct(wave)
tf.signal.dct(wave, norm="ortho")
tf.signal.linear_to_mel_weight_matrix(6, 17, 8000, 80.0, 3600.0)
tf.signal.mfccs_from_log_mel_spectrograms(wave)
tf.audio.decode_wav(tf.audio.encode_wav(wave[:, None] / 2, 8000))
tf.audio.decode_wav(tf.audio.encode_wav(wave[:, None] / 2, 8000), desired_samples=10)
tf.cond(tf.constant(True), lambda: A, lambda: B)
tf.case([(tf.constant(False), lambda: A), (tf.constant(True), lambda: B)])
tf.switch_case(tf.constant(1), [lambda: A, lambda: B])
tf.while_loop(lambda k, x: k < 3, lambda k, x: (k + 1, x * 2.0), [tf.constant(0), A])
tf.map_fn(lambda x: x * x, A)
tf.map_fn(lambda x: tf.reduce_sum(x), A, fn_output_signature=tf.float32)
tf.map_fn(lambda t: t[0] + t[1], (A, B), fn_output_signature=tf.float32)
tf.vectorized_map(lambda x: x * 2.0, A)
tf.scan(lambda a, x: a + x, A)
tf.scan(lambda a, x: a * x, C, initializer=2.0)
tf.foldl(lambda a, x: a * 2.0 + x, C)
tf.foldr(lambda a, x: a * 2.0 + x, C)
tf.TensorArray(tf.float32, size=2).write(0, C).write(1, C * 2.0).stack()
tf.TensorArray(tf.float32, size=0, dynamic_size=True).write(1, C).size()
tf.TensorArray(tf.float32, size=2).unstack(A).read(1)
tf.TensorArray(tf.float32, size=2).unstack(A).concat()
tf.py_function(lambda x: x + 1.0, [A], tf.float32)
tf.numpy_function(lambda x: x * 2, [C.numpy()], tf.float32)
tf.function(lambda x: x + 1.0)(A)
tf.function(lambda x: x + 1.0, input_signature=[tf.TensorSpec([None, 3], tf.float32)])(A)
tf.nest.flatten({"b": 2, "a": [1, 3]})
tf.nest.map_structure(lambda x: x + 1, {"a": 1, "b": (2,)})
tf.executing_eagerly()
tf.is_tensor(A)
tf.is_tensor(1)
tf.get_static_value(tf.constant(3))
tf.zeros_initializer()((2,))
tf.ones_initializer()(shape=(2,), dtype="float32")
tf.constant_initializer(3.0)((2,))
tf.random_normal_initializer(stddev=0.0)((2, 2))
tf.random_uniform_initializer(minval=0.5, maxval=0.5)((2,))
tf.random.normal((2, 3)).shape.as_list()
tf.random.uniform((4,), maxval=3, dtype=tf.int32).dtype == tf.int32
tf.random.uniform(shape=(2,), minval=1.0, maxval=1.0)
tf.random.categorical([[-100.0, 100.0]], 3)
tf.sort(tf.random.shuffle([3, 1, 2]))
tf.random.stateless_uniform((2, 2), seed=(1, 2)).shape.as_list()
tf.random.truncated_normal((3,), stddev=0.0)
tf.random.poisson((2,), 0.0)
tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2]), -1).lookup(tf.constant(["b", "z"]))
tf.lookup.StaticVocabularyTable(tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([0, 1], tf.int64)), 3).lookup(tf.constant(["b", "zebra"]))
tf.experimental.numpy.sum(A)
tf.keras.activations.relu(A)
tf.keras.losses.MeanSquaredError()(A, B)
tf.keras.losses.sparse_categorical_crossentropy(tf.constant([1, 0]), tf.nn.softmax(A))
tf.keras.metrics.MeanAbsoluteError()(A, B)
tf.debugging.assert_equal(A, A) is None
tf.debugging.check_numerics(A, "bad")
tf.debugging.assert_shapes([(A, ("b", 3))]) is None
tf.config.list_physical_devices("CPU")[0].device_type
tf.distribute.get_strategy().num_replicas_in_sync
tf.compat.as_str(b"ab")
tf.grad_pass_through(tf.round)(A)
tf.custom_gradient(lambda x: (x * x, lambda dy: dy * 10.0))(A)
tf.recompute_grad(lambda x: tf.sin(x))(A)
tf.image.extract_glimpse(pictures, [3, 4], [[0.9, 0.9], [-0.9, 0.2]], noise="zero")
tf.image.extract_glimpse(pictures, [3, 4], [[0.0, 0.0], [5.0, 5.0]], noise="zero")
tf.image.extract_glimpse(pictures, [3, 12], [[0.5, 0.25], [-0.5, 0.0]], centered=False, noise="zero")
tf.image.extract_glimpse(pictures, [3, 2], [[3.0, 3.0], [-1.0, 2.0]], normalized=False, noise="zero")
tf.image.extract_glimpse(pictures, [3, 2], [[3.0, 3.0], [-1.0, 2.0]], centered=False, normalized=False, noise="zero")
tf.image.extract_glimpse(pictures, [3, 3], [[0.0, 0.0], [0.1, -0.1]])
tf.reduce_all(tf.image.extract_glimpse(pictures, [9, 9], [[0.0, 0.0], [0.5, 0.5]], noise="gaussian") <= 1.0)
tf.reduce_all(tf.image.extract_glimpse(pictures, [9, 9], [[0.0, 0.0], [0.5, 0.5]], noise="uniform") >= 0.0)
tf.matmul(tf.constant([[1, 2]], tf.int8), tf.constant([[100], [101]], tf.int8), output_type=tf.int32)
tf.matmul(tf.constant([[1, 2]], tf.uint8), tf.constant([[200, 101]], tf.uint8), transpose_b=True, output_type=tf.int32)
tf.ragged.constant([[[1, 2], [3, 4]], [[5, 6]]], ragged_rank=1)
tf.ragged.constant([[[1, 2], [3, 4]], [[5, 6]]], ragged_rank=1).shape.as_list()
tf.ragged.constant([[[1, 2], [3, 4]], [[5, 6]]], inner_shape=(2,)).flat_values
tf.ragged.constant([[[1, 2], [3, 4]], [[5, 6]]], inner_shape=()).shape.as_list()
tf.ragged.constant([[[[1, 2]], [[3, 4]]], []], inner_shape=(1, 2)).shape.as_list()
tf.ragged.constant([[1, 2], [3, 4]], ragged_rank=0)
tf.ragged.constant([[1, 2], [3, 4]], inner_shape=(2, 2))
tf.ragged.constant([], ragged_rank=1).shape.as_list()
tf.ragged.constant([], ragged_rank=1, inner_shape=(2,)).shape.as_list()
tf.ragged.constant([[], []], ragged_rank=2).ragged_rank
tf.strings.unicode_decode(b"a\\xfe\\xedb\\x01", "UTF-8")
tf.strings.unicode_decode(b"a\\xfe\\xedb\\x01", "UTF-8", errors="ignore")
tf.strings.unicode_decode(b"a\\xfe\\xedb\\x01", "UTF-8", replacement_char=63, replace_control_characters=True)
tf.strings.unicode_decode(b"a\\xfe\\x01", "UTF-8", errors="ignore", replace_control_characters=True)
tf.strings.unicode_decode(b"a\\xe4\\xb8\\xf0\\x9f\\x98b\\xc0\\x80", "UTF-8")
tf.strings.unicode_decode_with_offsets(b"a\\xe4\\xb8\\xf0\\x9f\\x98b\\xc0\\x80\\xed\\xa0\\x80", "UTF-8")
tf.strings.unicode_decode_with_offsets([b"a\\xfe\\xedb", b""], "UTF-8", errors="ignore")
tf.strings.unicode_decode(b"\\x00a\\x00", "UTF-16-BE")
tf.strings.unicode_decode([b"a\\xfe", b"\\xe4"], "latin1")
tf.strings.unicode_decode(tf.ragged.constant([["ab", "c"], []]), "UTF-8")
tf.strings.unicode_split(b"\\x00\\xe4\\x00b", "UTF-16-BE")
tf.strings.unicode_split_with_offsets([b"\\x00\\x00\\x00\\xe4\\x00\\x00\\x00b"], "UTF-32-BE")
tf.strings.unicode_split(b"a\\xfeb", "UTF-8", replacement_char=63)
tf.strings.unicode_split(b"a\\xfeb", "UTF-8", errors="ignore")
tf.strings.unicode_encode([0x110000, 97, 0xD800], "UTF-8")
tf.strings.unicode_encode([0x110000, 97, 0xD800], "UTF-8", errors="ignore")
tf.strings.unicode_encode([0x110000, 97], "UTF-8", replacement_char=63)
tf.strings.unicode_encode([228, 97], "UTF-16-BE")
tf.strings.unicode_encode(tf.ragged.constant([[228], [], [97, 98]]), "UTF-32-BE")
tf.strings.unicode_transcode(b"a\\xfe\\x01", "UTF-8", "UTF-8", replacement_char=63, replace_control_characters=True)
tf.strings.unicode_transcode(b"a\\x7f\\xc2\\x85\\n\\t", "UTF-8", "UTF-8", errors="ignore", replace_control_characters=True)
tf.strings.unicode_transcode(b"a\\x80", "windows-1252", "UTF-8")
tf.random.fixed_unigram_candidate_sampler([[0], [1]], 1, 3, False, 2, unigrams=[0.5, 0.25, 0.25], num_shards=2)[1]
tf.random.fixed_unigram_candidate_sampler([[0], [0]], 1, 3, False, 1, unigrams=[0.5, 0.25, 0.25], num_reserved_ids=1, num_shards=2, shard=1)[1]
tf.strings.format("{}", tf.range(10))
tf.strings.format("a {} b {}", [tf.constant([1.5, 2.0]), tf.range(9)], summarize=1)
tf.strings.format("{}", tf.reshape(tf.range(128), (8, 8, 2)))
tf.strings.format("{}", tf.reshape(tf.range(100), (10, 10)), summarize=-1)
tf.strings.format("{}", tf.reshape(tf.range(16), (2, 2, 2, 2)))
tf.strings.format("%s", tf.constant([1 / 3, 1e6, 1234567.0, 123456789.0, 1e-5, 1e15, 0.1, float("nan")]), placeholder="%s", summarize=9)
tf.strings.format("{}", tf.constant([1 / 3, 1e20, 0.1, 2.0], tf.float64))
tf.strings.format("{}", tf.constant([0.1, 0.2], tf.bfloat16))
tf.strings.format("{}", tf.constant([True, False]))
tf.strings.format("{}", [tf.constant('a "q" \\n')])
tf.strings.format("{}", [tf.constant(["Äp", "\\x01\\t'"])])
tf.RaggedTensor.from_tensor(A)
tf.RaggedTensor.from_tensor(A, lengths=[1, 3]).flat_values * 2.0
tf.RaggedTensor.from_tensor(np.arange(12).reshape(2, 3, 2), ragged_rank=2).row_lengths(2)
tf.RaggedTensor.from_tensor(np.arange(12).reshape(2, 3, 2), lengths=[1, 3])
tf.RaggedTensor.from_tensor(np.arange(12).reshape(2, 3, 2), lengths=([1, 3], [1, 2, 0, 1]))
tf.RaggedTensor.from_tensor([[[1, 0], [2, 0]], [[0, 0], [3, 4]]], padding=0, ragged_rank=2)
tf.RaggedTensor.from_tensor([[[1, 0], [2, 0]], [[3, 4], [0, 0]]], padding=[0, 0])
tf.RaggedTensor.from_tensor([["a", "b"], ["c", ""]], padding="")
tf.RaggedTensor.from_tensor(np.zeros((2, 0), "float32"))
tf.RaggedTensor.from_row_splits([1, 2, 3], [0, 2], validate=False)
tf.RaggedTensor.from_row_limits([1, 2, 3], [1, 3])
tf.RaggedTensor.from_value_rowids([1, 2, 3], [0, 1, 3], nrows=5)
tf.RaggedTensor.from_uniform_row_length([1, 2, 3, 4], 2)
tf.RaggedTensor.from_uniform_row_length([], 0, nrows=3)
tf.RaggedTensor.from_nested_row_splits([1, 2, 3], [[0, 1, 2], [0, 2, 3]])
tf.RaggedTensor.from_nested_row_lengths([1, 2, 3], [[1, 1], [2, 1]])
tf.RaggedTensor.from_nested_value_rowids([1, 2, 3], [[0, 0], [0, 1, 1]])
tf.ragged.constant([[1, 2], [3]], row_splits_dtype="int32").row_splits
tf.ragged.constant([[1, 2], [3]], row_splits_dtype=tf.int32).row_lengths()
tf.ragged.range([2, 1], row_splits_dtype=tf.int32).row_splits
tf.RaggedTensor.from_tensor([[1, 2]], row_splits_dtype=tf.int32).row_splits
tf.RaggedTensor.from_row_splits([1, 2, 3], tf.constant([0, 2, 3], tf.int32)).row_splits
tf.RaggedTensor.from_row_splits([1, 2, 3], [0, 2, 3]).row_splits
tf.RaggedTensor.from_row_lengths([1, 2, 3], tf.constant([2, 1])).row_splits
tf.RaggedTensor.from_value_rowids([1, 2, 3], tf.constant([0, 2, 2])).row_splits
tf.ragged.constant([[1, 2], [3]]).with_row_splits_dtype(tf.int32).row_splits
tf.ragged.constant([[[1], [2]], [[3]]], row_splits_dtype="int32").nested_row_splits
tf.concat([tf.ragged.constant([[1, 2], [3]], row_splits_dtype="int32")] * 2, 0).row_splits
tf.ragged.constant([[1, 2], [3]], row_splits_dtype="int32")[1:].row_splits
tf.ragged.constant([[1, 2], [3]], row_splits_dtype="int32").value_rowids()
tf.ragged.constant([[1, 2], [3]], row_splits_dtype="int32").nrows()
tf.ragged.constant([[1, 2], [3]], row_splits_dtype="int32").bounding_shape()
tf.type_spec_from_value(tf.ragged.constant([[1, 2], [3]], row_splits_dtype="int32"))
tf.ragged.constant([[1, 2], [3]], row_splits_dtype="int32").uniform_row_length
tf.ragged.row_splits_to_segment_ids([0, 2, 3])
tf.ragged.row_splits_to_segment_ids([0, 2, 3], out_type=tf.int32)
tf.ragged.segment_ids_to_row_splits([0, 0, 2], out_type=tf.int32)
tf.ragged.segment_ids_to_row_splits([0, 0, 2])
tf.ragged.segment_ids_to_row_splits([0, 0, 2], num_segments=5)
list(tf.data.Dataset.from_tensor_slices([1, 2, 3]).map(tf.range).ragged_batch(2, row_splits_dtype=tf.int32))[0].row_splits
tf.ragged.constant([[1, 2], [3]]) + tf.constant([[10], [20]])
tf.ragged.constant([[1, 2], [3]]) + tf.constant([10])
tf.ragged.constant([[1, 2], [3]]) + [[10], [20]]
tf.constant([[10], [20]]) - tf.ragged.constant([[1, 2], [3]])
tf.ragged.constant([[1, 2], [3]]) + tf.constant([[[1]]])
tf.ragged.constant([[[1, 2]], [[3]]]) + tf.constant([[[10]], [[20]]])
tf.ragged.constant([[[1, 2], [3, 4]], [[5, 6]]], ragged_rank=1) + tf.constant([10, 20])
tf.ragged.constant([[1, 2], [3]]) == tf.ragged.constant([[1, 2], [3]])
tf.ragged.constant([[1, 2], [3]]) == tf.ragged.constant([[1], [3, 4]])
tf.ragged.constant([[True], [False]]) & tf.ragged.constant([[True], [True]])
~tf.ragged.constant([[True], [False]])
abs(tf.ragged.constant([[-1], [2]]))
2 ** tf.ragged.constant([[1], [2]])
2 / tf.ragged.constant([[1], [2]])
7 // tf.ragged.constant([[1], [2]])
7 % tf.ragged.constant([[1], [2]])
tf.maximum(tf.ragged.constant([[1, 2], [3]]), 2)
tf.where(tf.ragged.constant([[True], [False]]), tf.ragged.constant([[1], [2]]), tf.ragged.constant([[3], [4]]))
tf.ragged.constant([[1, 2], [3]]).numpy()
tf.ragged.constant([[1, 2], [3]]).row_limits()
tf.ragged.constant([[1, 2], [3]]).nested_row_lengths()
tf.ragged.constant([[[1, 2]], [[3]]]).nested_value_rowids()
tf.ragged.constant([[1, 2], [3]]).uniform_row_length
tf.ragged.constant([[1, 2], [3]])[:, 1:]
tf.ragged.constant([[1, 2], [3]])[-1]
tf.ragged.constant([[1, 2], [3]])[tf.newaxis]
tf.ragged.constant([[1, 2], [3], [4]])[::2]
tf.ones_like(WHOLE)
tf.zeros_like(REAL)
tf.zeros_like(REAL, dtype=tf.int32)
tf.identity(REAL)
tf.size(REAL)
tf.rank(REAL)
tf.squeeze(tf.ragged.constant([[[1]], [[2]]]), 2)
tf.stack([WHOLE, WHOLE])
tf.stack([WHOLE, WHOLE], axis=1)
tf.tile(WHOLE, [2, 1])
tf.tile(WHOLE, [1, 2])
tf.reverse(WHOLE, [1])
tf.reverse(WHOLE, [0])
tf.clip_by_value(REAL, -1, 1)
tf.one_hot(WHOLE, 4)
tf.nn.relu(REAL)
tf.nn.softmax(REAL)
tf.nn.gelu(REAL)
tf.nn.elu(REAL)
tf.nn.leaky_relu(REAL)
tf.nn.silu(REAL)
tf.nn.swish(REAL)
tf.nn.dropout(REAL, 0.0)
tf.logical_and(TRUTH, TRUTH)
tf.logical_not(TRUTH)
tf.pow(REAL, 2)
tf.subtract(1.0, REAL)
tf.equal(WHOLE, 2)
tf.not_equal(WHOLE, WHOLE)
tf.less(WHOLE, 2)
tf.math.floordiv(WHOLE, 2)
tf.add_n([WHOLE, WHOLE])
tf.reduce_max(WHOLE, axis=1)
tf.reduce_min(WHOLE, axis=[0, 1])
tf.reduce_prod(WHOLE, axis=1)
tf.reduce_any(TRUTH, axis=1)
tf.reduce_all(TRUTH, axis=1)
tf.reduce_mean(REAL, axis=0)
tf.math.reduce_variance(REAL, axis=1)
tf.math.reduce_std(REAL, axis=1)
tf.reduce_sum(REAL, axis=1, keepdims=True)
tf.strings.length(WORDS)
tf.strings.upper(WORDS)
tf.strings.join([WORDS, "x"])
tf.strings.reduce_join(WORDS, axis=1)
tf.strings.as_string(WHOLE)
tf.strings.to_number(tf.ragged.constant([["1"], ["2", "3"]]))
tf.strings.regex_replace(WORDS, "a", "z")
tf.strings.to_hash_bucket_fast(WORDS, 10)
tf.gather(WHOLE, [0], axis=1)
tf.gather(WHOLE, tf.ragged.constant([[0], [1, 0]]))
tf.gather([10, 20, 30, 40], WHOLE)
tf.gather(WHOLE, [[0], [0]], batch_dims=1)
tf.gather(WHOLE, tf.ragged.constant([[1, 0], [0]]), batch_dims=1)
tf.gather_nd(WHOLE, [[0, 1], [1, 0]])
tf.nn.embedding_lookup(tf.reshape(tf.range(8.0), [4, 2]), WHOLE)
tf.map_fn(lambda x: x * 2, WHOLE, fn_output_signature=tf.RaggedTensorSpec([None], tf.int32, 0))
tf.where(TRUTH)
tf.where(TRUTH, WHOLE, 0)
tf.where(TRUTH, WHOLE, [[9], [8]])
tf.concat([WHOLE, [[5], [6]]], 1)
tf.split(WHOLE, 2)
tf.cast(WHOLE, tf.float32)
tf.dtypes.cast(WHOLE, "float32").dtype
tf.math.bincount(WHOLE)
tf.expand_dims(WHOLE, -1)
tf.expand_dims(WHOLE, 2)
tf.is_tensor(WHOLE)
tf.ragged.stack([WHOLE, WHOLE])
tf.ragged.stack([[1], [2, 3]], axis=0)
tf.ragged.boolean_mask(WHOLE, TRUTH)
tf.ragged.boolean_mask(WHOLE, [True, False])
tf.ragged.range([0, 5], [3, 6], 2)
tf.ragged.constant([[1.5]]) == 1.5
tf.bitwise.bitwise_and(WHOLE, 1)
tf.square(REAL)
tf.math.round(REAL)
tf.math.is_nan(REAL)
tf.reverse(WHOLE, [-1])
tf.math.cumsum(REAL)
tf.reshape(WHOLE, [-1])
tf.debugging.check_numerics(REAL, "x")
tf.reduce_max(tf.ragged.constant([[1, 2], []]), axis=1)
tf.reduce_mean(tf.ragged.constant([[1.0, 2.0], []]), axis=1)
tf.reduce_prod(tf.ragged.constant([[1, 2], []]), axis=1)
tf.reduce_any(tf.ragged.constant([[True], []], dtype=tf.bool), axis=1)
tf.reduce_sum(EVEN, axis=-1)
tf.reduce_sum(EVEN, axis=1)
tf.reduce_sum(EVEN, axis=2)
tf.reduce_sum(EVEN, axis=0)
tf.reduce_sum(DEEP, axis=1)
tf.reduce_sum(DEEP, axis=2)
tf.reduce_sum(DEEP, axis=-1)
tf.reduce_sum(DEEP, axis=0)
tf.reduce_sum(DEEP)
tf.reduce_sum(DEEP, axis=[1, 2])
tf.reduce_sum(WHOLE, axis=[1])
tf.reduce_mean(DEEP, axis=2)
tf.reduce_max(EVEN, axis=[1, 2])
tf.reduce_sum(WHOLE, 1, keepdims=True)
tf.reduce_sum(WHOLE, 0, keepdims=True)
tf.reduce_sum(DEEP, axis=2, keepdims=True)
tf.map_fn(lambda x: tf.reduce_sum(x), WHOLE, fn_output_signature=tf.int32)
tf.squeeze(tf.ragged.constant([[[1]], [[2]]]), [1])
tf.tile(DEEP, [1, 2, 1])
tf.tile(WHOLE, [0, 1])
tf.tile(WHOLE, [1, 0])
tf.reverse(DEEP, [2])
tf.reverse(DEEP, [1])
tf.split(WHOLE, [1, 1])
tf.gather(DEEP, [2, 0])
tf.gather([[1, 2], [3, 4]], tf.ragged.constant([[1], [0, 0]]))
tf.stack([DEEP, DEEP], axis=1)
tf.stack([WHOLE, WHOLE], axis=-1)
tf.stack([WHOLE, tf.ragged.constant([[5], [6, 7]])])
tf.concat([DEEP, DEEP], 2)
tf.cumsum(WHOLE, axis=1)
tf.cumsum(WHOLE, axis=1, reverse=True)
tf.size(DEEP)
tf.where(tf.ragged.constant([[True, False], [True]]))
tf.where(DEEP > 2)
tf.math.bincount(WHOLE, axis=-1)
DEEP[0]
DEEP[0, 1]
DEEP[:, :1]
DEEP[0, 1, 0]
DEEP[:, 0:1, 0:1]
EVEN[:, :, 0]
EVEN[0, 1]
DEEP[..., :1]
WHOLE[:, None]
DEEP.to_tensor()
DEEP.bounding_shape()
tf.one_hot(WHOLE, 3, axis=-1)
tf.ragged.boolean_mask(DEEP, [True, False, True])
tf.ragged.boolean_mask(WHOLE, tf.ragged.constant([[True, False], [True]]))
tf.ragged.boolean_mask(EVEN, [True, False])
tf.ragged.boolean_mask([[1, 2], [3, 4]], [True, False])
EVEN + 1
EVEN * EVEN
EVEN + [[[1]], [[2]]]
DEEP + [[[1]], [[2]], [[3]]]
DEEP - DEEP
tf.add(EVEN, [1, 2])
WHOLE - np.array([[10], [20]])
WHOLE == None
WHOLE != None
tf.ragged.constant([["a"], ["b", "c"]]) == "a"
tf.ragged.constant([["a"], ["b", "c"]]) + "x"
tf.clip_by_value(REAL, -1.0, 1.0)
tf.math.add(x=WHOLE, y=2)
tf.multiply(x=2, y=WHOLE)
tf.where(condition=WHOLE > 1, x=WHOLE, y=0)
tf.zeros_like(input=WHOLE)
tf.ones_like(WHOLE, dtype="float32")
tf.ragged.map_flat_values(tf.sigmoid, tf.ragged.constant([[0.0], [0.0]]))
tf.reduce_max(tf.zeros([0]))
tf.reduce_max(tf.zeros([2, 0]), 1)
tf.reduce_min(tf.zeros([2, 0], tf.int32), 1)
tf.reduce_min(tf.zeros([0]))
tf.reduce_mean(tf.zeros([0]))
tf.reduce_max(tf.zeros([0, 3]), 0)
tf.reduce_all(tf.zeros([0], tf.bool))
tf.reduce_prod(tf.zeros([0]))
tf.reduce_logsumexp(tf.zeros([0]))
tf.reduce_mean(tf.ragged.constant([[1, 2], [3]]), axis=1)
tf.reduce_mean(tf.ragged.constant([[1, 2], [3]]))
tf.math.reduce_variance(tf.ragged.constant([[1, 2], [3]]), axis=1)
tf.math.reduce_std(tf.ragged.constant([[1.0, 2], [3]]))
tf.reduce_mean(tf.ragged.constant([[[1.0, 2], [3]], [[4]]]), axis=[1, 2])
tf.reduce_mean(tf.ragged.constant([[[1.0, 2], [3]], [[4]]]), axis=[0, 1])
tf.math.reduce_variance(tf.ragged.constant([[[1.0, 2], [3]], [[4]]]), axis=[1, 2])
tf.reduce_mean(tf.ragged.constant([[1, 2], [3]]), axis=0)
tf.reduce_max(tf.ragged.constant([[], []], dtype=tf.float32), axis=0)
tf.reduce_sum(tf.ragged.constant([], ragged_rank=1, dtype=tf.float32), axis=1)
tf.reduce_logsumexp(tf.ragged.constant([[1.0, 2.0], [3.0]]), axis=1)
tf.RaggedTensor.from_sparse(tf.sparse.from_dense([[1, 2], [3, 0]]))
WHOLE.to_sparse().indices
WHOLE.to_sparse().values
WHOLE.to_sparse().dense_shape
DEEP.to_sparse().indices
DEEP.to_sparse().values
DEEP.to_sparse().dense_shape
EVEN.to_sparse().indices
EVEN.to_sparse().values
EVEN.to_sparse().dense_shape
WORDS.to_sparse().indices
WORDS.to_sparse().values
WORDS.to_sparse().dense_shape
tf.RaggedTensor.from_row_starts([1, 2, 3], [0, 2])
tf.RaggedTensor.from_row_starts([], [])
tf.RaggedTensor.from_uniform_row_length([1, 2, 3, 4], 2).shape.as_list()
tf.RaggedTensor.from_uniform_row_length([1, 2, 3, 4], 2)[:, 1]
tf.RaggedTensor.from_sparse(tf.sparse.from_dense([[1, 2], [3, 0]]), row_splits_dtype="int32").row_splits
DEEP.with_row_splits_dtype("int32").nested_row_splits
DEEP.nested_row_lengths()
DEEP.row_limits()
DEEP * tf.constant([[[2]], [[3]], [[4]]])
EVEN == EVEN
REAL > 0.0
tf.bitwise.left_shift(WHOLE, 1)
tf.math.xlogy(REAL * REAL, REAL * REAL)
tf.nn.sigmoid_cross_entropy_with_logits(labels=REAL * 0.0, logits=REAL)
tf.tile(EVEN, [2, 1, 1])
tf.gather(EVEN, [1, 0, 1])
tf.gather(EVEN, [[1], [0]])
tf.gather_nd(DEEP, [[0, 0], [2, 0]])
tf.math.reduce_variance(EVEN, axis=2)
tf.reduce_mean(EVEN)
tf.reduce_max(DEEP, axis=2)
tf.reduce_max(DEEP, axis=[0, 2])
tf.split(DEEP, 3)
tf.expand_dims(EVEN, -1)
tf.expand_dims(EVEN, 2)
tf.expand_dims(DEEP, -1)
tf.expand_dims(WORDS, -1)
tf.expand_dims(EVEN, 3)
tf.gather(DEEP[:1], tf.ragged.constant([[0], [1, 0]]), axis=1)
tf.gather(A, tf.ragged.constant([[0], [1, 2]]), axis=1)
tf.math.reduce_variance(REAL)
tf.math.reduce_variance(REAL + 1000.0, axis=1)
tf.math.reduce_std(DEEP, axis=[1, 2])
tf.gather(DEEP, 2)
tf.math.bincount(WHOLE, weights=REAL)
tf.math.bincount(WHOLE, minlength=6)
"""

ERRORS = """
tf.hessians(A, B)
tf.nn.conv1d_transpose(A)
tf.image.sample_distorted_bounding_box([20, 30, 3], tf.zeros((1, 0, 4)))
tf.debugging.assert_rank_in(A, [1, 3])
tf.debugging.assert_proper_iterable(A)
tf.TensorShape([2]).assert_has_rank(1) or tf.TensorShape([2]).assert_has_rank(2)
tf.TensorShape([2]).merge_with([3])
next(iter(tf.data.Dataset.range(0)))
iter(tf.data.Dataset.range(0)).get_next()
tf.data.experimental.at(tf.data.Dataset.range(2), 5)
tf.data.experimental.Optional.empty(tf.TensorSpec([], tf.int32)).get_value()
tf.VERSION
tf.contrib
tf.placeholder(tf.float32)
tf.app.run()
tf.to_float(1)
tf.random_uniform([2])
tf.get_variable("a", [2])
tf.layers.dense(A, 3)
tf.global_variables_initializer()
tf.math.real(A).no_such_thing
tf.convert_to_tensor(tf.constant(1.0), tf.int32)
tf.reshape(A, (4, 2))
tf.squeeze(A, 0)
tf.split(A, 2, axis=1)
tf.strings.to_number("x")
tf.io.read_file("/no/such/file")
tf.debugging.assert_equal(A, B)
tf.debugging.assert_less(B, 0.0)
tf.debugging.check_numerics([float("nan")], "bad")
tf.io.parse_tensor(tf.io.serialize_tensor([1]), tf.float32)
tf.data.TFRecordDataset(["/no/such/file"]).as_numpy_iterator().next()
tf.image.crop_to_bounding_box(picture, 3, 3, 5, 5)
tf.nn.dropout(A, 1.5)
tf.random.uniform((2,), dtype=tf.int32)
tf.Variable([1.0]).assign([1.0, 2.0])
tf.Variable()
tf.ensure_shape(A, (3, 3))
tf.TensorArray(tf.float32, size=1).write(1, 1.0)
A.__setitem__(0, 1.0)
tf.function(lambda x: x, input_signature=[tf.TensorSpec([2], tf.float32)])(tf.ones((3,)))
tf.gradients(A, B)
tf.case([(tf.constant(False), lambda: 1)], exclusive=True)
tf.image.central_crop(picture, 2.0)
tf.data.Dataset.list_files("/no/such/*.x")
tf.distribute.cluster_resolver.TPUClusterResolver()
tf.sparse.concat(0, [tf.sparse.from_dense([[1, 0, 3]]), tf.sparse.from_dense([[0, 2]])])
tf.nn.max_pool_with_argmax(tf.ones((1, 4, 4, 1)), 2, 2, "VALID", data_format="NCHW")
tf.nn.conv2d_transpose(tf.ones((1, 4, 4, 1)), tf.ones((2, 2, 1, 1)), (1, 8, 8, 1), 2, dilations=2)
tf.image.extract_glimpse(pictures, [3, 3], [[0.0, 0.0], [0.0, 0.0]], noise="pink")
tf.ragged.constant([1, 2, 3], ragged_rank=1)
tf.ragged.constant([[[1, 2], [3, 4]], [[5, 6]]], ragged_rank=0)
tf.ragged.constant([[[1, 2], [3, 4]], [[5, 6]]], inner_shape=(2,), ragged_rank=2)
tf.ragged.constant([[[1, 2], [3, 4]], [[5, 6]]], inner_shape=(3,))
tf.ragged.constant([[[1], [2, 3]]], ragged_rank=1)
tf.ragged.constant([1, [2]])
tf.strings.unicode_decode(b"a\\xfe", "UTF-8", errors="strict")
tf.strings.unicode_decode("a", "nonsense")
tf.strings.unicode_decode("a", "UTF-8", errors="so so")
tf.strings.unicode_split("a", "latin1")
tf.strings.unicode_encode([0xD800], "UTF-8", errors="strict")
tf.strings.unicode_encode([97], "latin1")
tf.strings.unicode_transcode(b"a\\xfe", "UTF-8", "UTF-8", errors="strict")
tf.random.fixed_unigram_candidate_sampler([[0], [1]], 1, 3, False, 4, unigrams=[0.5, 0.25, 0.25])
tf.queue.RandomShuffleQueue(2, 5, tf.int32)
tf.strings.format("{} {}", tf.range(3))
tf.RaggedTensor.from_tensor(A, ragged_rank=2)
tf.RaggedTensor.from_tensor([1, 2])
tf.RaggedTensor.from_tensor(A, lengths=[1, 2], padding=0)
tf.RaggedTensor.from_tensor(np.zeros((2, 3, 2)), padding=0)
tf.RaggedTensor.from_tensor(np.zeros((2, 3, 2)), lengths=[1, 3], ragged_rank=2)
tf.RaggedTensor.from_row_splits([1, 2, 3], [0, 2])
tf.RaggedTensor.from_row_splits([1, 2, 3], [1, 3])
tf.RaggedTensor.from_row_splits([1, 2, 3], [0, 2, 1, 3])
tf.RaggedTensor.from_row_splits([1, 2, 3], [])
tf.RaggedTensor.from_row_splits([1, 2, 3], [[0, 3]])
tf.RaggedTensor.from_row_splits([1, 2, 3], [0.0, 3.0])
tf.RaggedTensor.from_row_lengths([1, 2, 3], [1, 1])
tf.RaggedTensor.from_row_lengths([1, 2, 3], [4, -1])
tf.RaggedTensor.from_row_lengths([1, 2, 3], [[3]])
tf.RaggedTensor.from_row_starts([1, 2, 3], [1, 2])
tf.RaggedTensor.from_row_starts([1, 2, 3], [0, 4])
tf.RaggedTensor.from_row_starts([1, 2, 3], [0, 2, 1])
tf.RaggedTensor.from_row_limits([1, 2, 3], [1, 2])
tf.RaggedTensor.from_row_limits([1, 2, 3], [3, 2])
tf.RaggedTensor.from_value_rowids([1, 2, 3], [0, 1])
tf.RaggedTensor.from_value_rowids([1, 2, 3], [0, 1, 0])
tf.RaggedTensor.from_value_rowids([1, 2, 3], [-1, 0, 0])
tf.RaggedTensor.from_value_rowids([1, 2, 3], [0, 1, 3], nrows=2)
tf.RaggedTensor.from_value_rowids([1, 2, 3], [0, 1, 3], nrows=-2)
tf.RaggedTensor.from_uniform_row_length([1, 2, 3], 2)
tf.RaggedTensor.from_uniform_row_length([1, 2, 3], -1)
tf.ragged.constant([[1, 2], [3]], row_splits_dtype="int32") + tf.ragged.constant([[1, 2], [3]])
tf.ragged.constant([[1, 2], [3]], row_splits_dtype="int8")
tf.ragged.constant([[1, 2], [3]]) + tf.ragged.constant([[1], [2, 3]])
tf.ragged.constant([[1, 2], [3]]) + tf.ragged.constant([[10], [20]])
tf.ragged.constant([[1, 2], [3]]) + tf.constant([10, 20])
tf.ragged.constant([[1, 2], [3]]) + tf.constant([[10, 20]])
tf.ragged.constant([[[1, 2], [3]], [[3]]]) + tf.ragged.constant([[[1], [2]], [[5]]])
tf.ragged.constant([[1, 2], [3]]) + tf.ragged.constant([10, 20])
tf.ragged.constant([[1, 2], [3]]) + tf.constant([[10], [20], [30]])
tf.ragged.constant([[1, 2], [3]]) + tf.ragged.constant([[1, 2], [3], [4]])
tf.add(tf.ragged.constant([[1, 2], [3]]), tf.ragged.constant([[10], [20]]))
tf.ragged.constant([[1, 2], [3]])[:, 0]
tf.ragged.constant([[1, 2], [3]])[5]
tf.ragged.constant([[1, 2], [3]])[..., 0]
tf.add_n([WHOLE, tf.ragged.constant([[1], [2, 3]])])
tf.boolean_mask(WHOLE, [True, False])
tf.boolean_mask(WHOLE, TRUTH)
tf.math.segment_sum(WHOLE, [0, 0])
tf.unstack(WHOLE)
tf.transpose(WHOLE)
tf.unique(WHOLE)
tf.argmax(WHOLE, 1)
tf.sort(WHOLE)
tf.sequence_mask(WHOLE)
tf.roll(WHOLE, 1, 0)
tf.pad(WHOLE, [[1, 1], [0, 0]])
tf.slice(WHOLE, [0, 0], [1, 1])
tf.broadcast_to(WHOLE, [2, 2])
tf.linalg.norm(REAL)
tf.random.shuffle(WHOLE).shape
tf.nn.top_k(REAL)
tf.searchsorted(WHOLE, WHOLE)
tf.squeeze(WHOLE, 1)
tf.split(tf.ragged.constant([[1], [2], [3]]), 2)
tf.debugging.check_numerics(tf.ragged.constant([[1.0, float("nan")]]), "bad")
tf.RaggedTensor.from_sparse(tf.sparse.from_dense([[0, 1], [2, 0]]))
tf.RaggedTensor.from_sparse(tf.sparse.from_dense([1, 2]))
tf.RaggedTensor.from_sparse(A)
tf.gather_nd(WHOLE, [[[1]], [[0]]], batch_dims=1)
bool(WHOLE)
WHOLE.with_row_splits_dtype("int16")
WHOLE & WHOLE.with_row_splits_dtype("int32")
"""

ROWS = list(dict.fromkeys([*_tables(), *(line for line in TEXT.splitlines() if line)]))
FAILING = [line for line in ERRORS.splitlines() if line]


def _ragged(tf):
    """Ragged tensors by name: of integers, numbers, truths and words; rows in rows; rows of pairs."""
    return {
        "WHOLE": tf.ragged.constant([[1, 2], [3]]),
        "REAL": tf.ragged.constant([[1.0, -2.0], [3.0]]),
        "TRUTH": tf.ragged.constant([[True, False], [True]]),
        "WORDS": tf.ragged.constant([["a", "b"], ["c"]]),
        "DEEP": tf.ragged.constant([[[1, 2], [3]], [], [[4]]]),
        "EVEN": tf.ragged.constant([[[1, 2], [3, 4]], [[5, 6]]], ragged_rank=1),
    }


def described(value):
    """A result in JSON's terms: value, dtype, shape."""
    if hasattr(value, "to_list") and hasattr(value, "row_splits"):
        return {"ragged": _plain(value.to_list()), "dtype": _dtype(value)}
    if hasattr(value, "numpy") and hasattr(value, "shape"):
        array = np.asarray(value.numpy())
        return {"value": _plain(array.tolist()), "dtype": _dtype(value), "shape": list(array.shape)}
    if isinstance(value, np.ndarray | np.generic):
        return {
            "value": _plain(value.tolist()),
            "dtype": str(value.dtype),
            "shape": list(value.shape),
        }
    if isinstance(value, dict):
        return {"items": {str(key): described(part) for key, part in value.items()}}
    if hasattr(value, "as_list"):
        return described(tuple(value.as_list()))
    if isinstance(value, list | tuple):
        return {"parts": [described(part) for part in value]}
    return {"plain": _plain(value)}


def _dtype(value):
    name = str(getattr(value.dtype, "name", value.dtype)).removeprefix("torch.")
    return "string" if name == "object" else name


def _plain(value):
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, complex):
        return [value.real, value.imag]
    if isinstance(value, float) and value != value:
        return "nan"
    if isinstance(value, float) and value in (np.inf, -np.inf):
        return str(value)
    if isinstance(value, float):
        return float(f"{value:.9g}")
    return value if isinstance(value, bool | int | float | str) or value is None else str(value)


def evaluate(tf, expression):
    """What an expression gives with `tf`, and its gradients by A, B and C where it has some."""
    tensors = {name: tf.constant(array) for name, array in INPUTS.items()}
    with tf.GradientTape() as tape:
        for tensor in tensors.values():
            tape.watch(tensor)
        value = eval(expression, {**NAMES, **tensors, **_ragged(tf), "tf": tf})
        total = _total(tf, value)
    result = described(value)
    if total is not None:
        found = tape.gradient(total, tensors)
        result["gradients"] = {
            key: _plain(np.asarray(tf.convert_to_tensor(gradient).numpy()).tolist())
            for key, gradient in found.items()
            if gradient is not None
        }
    return result


def _total(tf, value):
    """A number that depends on every element of every float tensor of a result."""
    parts = value if isinstance(value, list | tuple) else [value]
    total = None
    for part in parts:
        if not hasattr(part, "numpy") or "float32" not in str(getattr(part, "dtype", "")):
            continue
        if hasattr(part, "row_splits") or not hasattr(part, "shape"):
            continue
        size = int(np.prod(part.shape))
        weights = np.cos(np.arange(size, dtype="float32")).reshape(tuple(part.shape))
        number = tf.reduce_sum(part * tf.constant(weights))
        total = number if total is None else total + number
    return total


def failure(tf, expression):
    """The names of the exception's classes that an expression ends with."""
    tensors = {name: tf.constant(array) for name, array in INPUTS.items()}
    try:
        eval(expression, {**NAMES, **tensors, **_ragged(tf), "tf": tf})
    except Exception as error:
        return [kind.__name__ for kind in type(error).__mro__]
    return []
