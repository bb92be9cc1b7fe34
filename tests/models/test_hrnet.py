"""Branches of HRNet exchange what they have at the end of every module."""

import keras

from tests.models.compose import model_from_yaml


def test_every_branch_gets_the_sum_of_all_in_every_module():
    model = model_from_yaml("hrnet", "model.modules=[1,2]")
    image = keras.Input((32, 32, 3))
    network = keras.Model(image, model.network(image, num_classes=2))
    for module, branches in (("stage_2_1", 2), ("stage_3_1", 3), ("stage_3_2", 3)):
        for branch in range(branches):
            added = network.get_layer(f"{module}_add_{branch}")
            assert len(added.input) == branches
            side = 8 // 2**branch
            assert {x.shape for x in added.input} == {(None, side, side, 4 * 2**branch)}


def test_each_stage_doubles_what_sides_must_be_divisible_by():
    divisors = [
        model_from_yaml("hrnet", f"model.modules={modules}").divisor_px
        for modules in ("[1]", "[1,1]", "[1,4,3]")
    ]
    assert divisors == [8, 16, 32]
