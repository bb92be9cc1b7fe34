"""What makes each U-shaped architecture the one of its paper, read off its graph."""

import keras
import pytest

from factory_core.models.operations import sketch
from tests.models.compose import model_from_yaml

LEVELS = 3  # of the small encoder


def graph(name, *overrides):
    model = model_from_yaml(name, *overrides)
    side_px = 2 * model.divisor_px
    return sketch(model, shape=(side_px, side_px, 3), num_classes=2)


def inputs_of(network, name):
    """Shapes of what a layer joins, without the batch."""
    return [x.shape[1:] for x in network.get_layer(name).input]


def has(network, name):
    return any(layer.name == name for layer in network.layers)


def test_unet_plus_plus_sees_all_maps_before_in_each_row():
    network = graph("unet_plus_plus")
    for row in range(LEVELS):
        for column in range(1, LEVELS - row + 1):
            joined = inputs_of(network, f"node_{row}_{column}_skip")
            assert len(joined) == column + 1
            assert {shape[0] for shape in joined} == {16 >> row}
    assert not has(network, f"node_0_{LEVELS + 1}_skip")
    assert len(network.get_layer("logits").input) == LEVELS
    without = graph("unet_plus_plus", "model.deep_supervision=false")
    assert not has(without, "logits")
    assert without.count_params() < network.count_params()


def test_unet_3_plus_sees_all_scales_at_each_level():
    network = graph("unet_3_plus")
    for level in range(LEVELS):
        joined = inputs_of(network, f"decoder_{level}_scales")
        assert joined == [(16 >> level, 16 >> level, 4)] * (LEVELS + 1)


def test_attention_unet_gates_on_the_coarser_grid_but_not_the_image():
    network = graph("attention_unet")
    for level in range(1, LEVELS):
        assert network.get_layer(f"decoder_{level}_gate_open").output.shape[1] == 8 >> level
    assert not has(network, "decoder_0_gate_open")
    assert len(network.get_layer("sides").input) == LEVELS


def test_d_linknet_is_linknet_with_a_dilated_centre():
    plain, dilated = graph("linknet"), graph("d_linknet")
    rates = [dilated.get_layer(f"centre_{number}_conv").dilation_rate[0] for number in (1, 2, 3, 4)]
    assert rates == [1, 2, 4, 8]
    assert len(dilated.get_layer("centre").input) == 5
    extra = {layer.name for layer in dilated.layers} - {layer.name for layer in plain.layers}
    assert {name.split("_")[0] for name in extra if "input" not in name} == {"centre"}


def test_linknet_is_narrow_where_maps_are_made_finer():
    network = graph("linknet", "encoder.width=8")
    for level in range(1, LEVELS):
        coarser = 8 * 2**level
        assert network.get_layer(f"decoder_{level}_up_conv").filters == coarser // 4


def test_manet_lets_every_place_of_the_coarsest_map_see_every_other():
    network = graph("manet")
    assert network.get_layer("centre_alike").output.shape[1:] == (4, 4)  # 2 x 2 pixels
    for level in range(1, LEVELS):
        coarse, fine = inputs_of(network, f"decoder_{level}_weights")
        assert coarse == fine == (1, 1, network.get_layer(f"encoder_{level}_1_add").output.shape[3])
    assert not has(network, "decoder_0_weights")


def test_u2net_has_the_stages_of_table_1():
    network = graph("u2net", "model.width=32")
    outside = [network.get_layer(f"down_{level}_1_add").output.shape[1:] for level in range(6)]
    assert outside == [
        (64 >> level, 64 >> level, channels)
        for level, channels in enumerate((64, 128, 256, 512, 512, 512))
    ]
    outside = [network.get_layer(f"up_{level}_1_add").output.shape[3] for level in range(5)]
    assert outside == [64, 64, 128, 256, 512]
    pools = [
        sum(layer.name.startswith(f"down_{level}_1_pool_") for layer in network.layers)
        for level in range(6)
    ]
    assert pools == [5, 4, 3, 2, 0, 0]
    assert network.get_layer("up_0_1_down_0_conv").filters == 16
    assert len(network.get_layer("sides").input) == 6
    # 44.0 million, as in table 1 of the paper, but for its biases and one class.
    assert network.count_params() == pytest.approx(44.0e6, rel=0.005)


def test_res_unet_begins_at_the_full_resolution_and_never_pools():
    network = graph("res_unet")
    assert network.get_layer("down_0_1_add").output.shape[1] == 16
    assert not [x for x in network.layers if isinstance(x, keras.layers.MaxPooling2D)]
    halves = [network.get_layer(f"down_{level}_half_a_conv") for level in (1, 2, 3)]
    assert [layer.strides for layer in halves] == [(2, 2)] * 3
