"""Operations of layers worked by hand, and of networks whose papers or profilers say them."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from factory_core.models.operations import cost_of, sketch
from tests.models.compose import model_from_yaml


def counted(shape, *made):
    x = first = keras.Input(shape)
    for layer in made:
        x = layer(x)
    return cost_of(keras.Model(first, x))


@pytest.mark.parametrize(
    ("shape", "layer", "operations"),
    [
        pytest.param(
            (16, 16, 4),
            layers.Conv2D(8, 3, strides=2, padding="same"),
            8 * 8 * 8 * 9 * 4,
            id="strided",
        ),
        pytest.param(
            (16, 16, 4), layers.Conv2D(8, 3, padding="valid"), 14 * 14 * 8 * 9 * 4, id="no padding"
        ),
        pytest.param(
            (8, 8, 4), layers.Conv2D(6, 1, groups=2), 8 * 8 * 6 * 2, id="groups see their channels"
        ),
        pytest.param(
            (8, 8, 4),
            layers.Conv2D(2, (1, 5), dilation_rate=1, padding="same"),
            8 * 8 * 2 * 5 * 4,
            id="oblong kernel",
        ),
        pytest.param(
            (8, 8, 4),
            layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2),
            8 * 8 * 8 * 9,
            id="depthwise",
        ),
        pytest.param(
            (8, 8, 4),
            layers.SeparableConv2D(6, 3, padding="same"),
            8 * 8 * 4 * 9 + 8 * 8 * 4 * 6,
            id="separable",
        ),
        pytest.param(
            (4, 4, 5), layers.Conv2DTranspose(3, 2, strides=2), 4 * 4 * 5 * 4 * 3, id="transposed"
        ),
        pytest.param((10,), layers.Dense(7), 70, id="dense"),
        pytest.param((8, 8, 3), layers.Dense(5), 8 * 8 * 3 * 5, id="dense at every pixel"),
        pytest.param(
            (6, 4),
            layers.EinsumDense("abc,cde->abde", output_shape=(None, 2, 3)),
            6 * 4 * 2 * 3,
            id="einsum dense",
        ),
        pytest.param((8, 8, 3), layers.BatchNormalization(), 0, id="value by value"),
        pytest.param((8, 8, 3), layers.UpSampling2D(2, interpolation="bilinear"), 0, id="resizing"),
    ],
)
def test_a_layer_costs_what_a_hand_works_out(shape, layer, operations):
    cost = counted(shape, layer)
    assert cost.operations == operations
    assert cost.uncounted == ()
    assert cost.parameters == layer.count_params()


def test_attention_and_products_of_matrices():
    tokens = keras.Input((5, 4))
    attended = layers.MultiHeadAttention(2, 3)(tokens, tokens)
    projections, products = 4 * 5 * 4 * 6, 2 * 5 * 5 * 6
    assert cost_of(keras.Model(tokens, attended)).operations == projections + products
    scores = ops.matmul(tokens, ops.transpose(tokens, (0, 2, 1)))
    assert cost_of(keras.Model(tokens, scores)).operations == 5 * 5 * 4
    scores = ops.einsum("...ic,...jc->...ij", tokens, tokens)
    assert cost_of(keras.Model(tokens, scores)).operations == 5 * 5 * 4


def test_a_network_within_a_network_counts_at_each_use_and_its_weights_once():
    inner = keras.Sequential([keras.Input((4, 4, 3)), layers.Conv2D(3, 1, use_bias=False)])
    image = keras.Input((4, 4, 3))
    cost = cost_of(keras.Model(image, inner(inner(image))))
    assert cost.operations == 2 * 4 * 4 * 3 * 3
    assert cost.parameters == 9


def test_a_layer_that_is_not_known_is_named():
    class Own(layers.Layer):
        def build(self, shape):
            self.matrix = self.add_weight(shape=(shape[-1], 2))

        def call(self, x):
            return x @ self.matrix

    assert counted((3,), Own(name="mine")).uncounted == ("mine (Own)",)


@pytest.mark.parametrize(
    ("network", "parameters", "operations"),
    [
        # Howard et al. 2017, table 8: 569 million multiply-adds, 4.2 million parameters.
        pytest.param(keras.applications.MobileNet, 4.2e6, 569e6, id="MobileNet"),
        # He et al. 2016, table 1: 3.8e9.
        pytest.param(keras.applications.ResNet50, 25.6e6, 3.86e9, id="ResNet-50"),
    ],
)
def test_known_networks_cost_what_their_papers_say(network, parameters, operations):
    with keras.StatelessScope(initialize_variables=False):
        cost = cost_of(network(weights=None, input_shape=(224, 224, 3)))
    assert cost.parameters == pytest.approx(parameters, rel=0.02)
    assert cost.operations == pytest.approx(operations, rel=0.01)
    assert cost.uncounted == ()


@pytest.mark.parametrize("name", ["unet", "centernet"])
def test_a_sketch_has_the_shapes_of_the_network(name):
    model = model_from_yaml(name)
    drawn = sketch(model, shape=(64, 64, 3), num_classes=2)
    image = keras.Input((64, 64, 3))
    network = keras.Model(image, model.network(image, num_classes=2))
    assert cost_of(drawn) == cost_of(network)
    assert cost_of(drawn).parameters == network.count_params()
    assert cost_of(drawn).trainable == sum(np.prod(w.shape) for w in network.trainable_weights)
    assert drawn.output_shape == network.output_shape


@pytest.mark.slow
def test_equals_the_profiler_of_tensorflow(capfd):
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2_as_graph,
    )

    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(image)
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = layers.Conv2D(4, 1, use_bias=False)(x)
    network = keras.Model(image, layers.Dense(5, use_bias=False)(layers.Flatten()(x)))
    function = tf.function(network).get_concrete_function(tf.TensorSpec((1, 32, 32, 3)))
    _, graph = convert_variables_to_constants_v2_as_graph(function)
    with tf.Graph().as_default() as imported:
        tf.graph_util.import_graph_def(graph, name="")
        options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
        profile = tf.compat.v1.profiler.profile(imported, cmd="op", options=options)
    assert 2 * cost_of(network).operations == profile.total_float_ops
