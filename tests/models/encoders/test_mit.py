"""What makes the Mix Transformer one: a shortened sequence, no places, features at half beside."""

import keras
import numpy as np
import pytest

from factory_core.models.encoders.mit import MixTransformer
from tests.models.compose import model_from_yaml

TINY = MixTransformer(width=2, blocks=(1, 1, 1, 1), expansion=1)


def network(encoder=TINY, side=32):
    image = keras.Input((side, side, 3))
    return keras.Model(image, encoder.features(image))


def test_keys_are_as_many_at_every_stage():
    """A convolution shortens the sequence; queries are all pixels."""
    built = network(side=64)
    for stage, pixels in ((2, 16 * 16), (3, 8 * 8), (4, 4 * 4), (5, 2 * 2)):
        assert built.get_layer(f"encoder_{stage}_1_asking").output.shape[1] == pixels
        assert built.get_layer(f"encoder_{stage}_1_asked").output.shape[1] == 2 * 2


def test_widths_and_blocks_are_those_of_the_paper():
    """As many weights as the authors' own B0 and B1 have without their heads for ImageNet."""
    with keras.StatelessScope(initialize_variables=False):
        counts = []
        for width in (32, 64):
            image = keras.Input((32, 32, 3))
            features = MixTransformer(width=width).features(image)
            counts.append(keras.Model(image, features[1:]).count_params())
            assert [x.shape[-1] for x in features[1:]] == [width * n for n in (1, 2, 5, 8)]
    assert counts == [3_319_392, 13_151_424]


def test_the_same_weights_take_windows_of_any_size():
    small, large = network(side=32), network(side=96)
    large.set_weights(small.get_weights())
    pixels = np.random.default_rng(0).normal(size=(1, 96, 96, 3)).astype(np.float32)
    assert large(pixels)[-1].shape == (1, 3, 3, 16)


def test_a_pixel_far_away_counts_at_every_stage_of_the_transformer():
    built = network(side=64)
    pixels = np.random.default_rng(0).normal(size=(1, 64, 64, 3)).astype(np.float32)
    before = [np.asarray(x)[0, 0, 0] for x in built(pixels)]
    pixels[0, 56:, 56:] += 5
    after = [np.asarray(x)[0, 0, 0] for x in built(pixels)]
    changed = [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    assert changed == [False, True, True, True, True]


def test_segformer_does_not_hold_the_features_at_half():
    model = model_from_yaml("segformer", "encoder=mit_b0", "encoder.width=2", small=False)
    image = keras.Input((32, 32, 3))
    with keras.StatelessScope(initialize_variables=False):
        names = {
            layer.name for layer in keras.Model(image, model.network(image, num_classes=1)).layers
        }
    assert "encoder_2_patches" in names
    assert "encoder_1_patches" not in names


@pytest.mark.slow
def test_steps_on_one_window_make_the_loss_of_segformer_fall():
    model = model_from_yaml(
        "segformer",
        *("encoder=mit_b0", "encoder.width=4", "encoder.blocks=[1,1,1,1]", "model.width=16"),
        small=False,
    )
    mask = np.zeros((1, 32, 32), np.uint8)
    mask[0, 4:16, 8:28] = 1
    pixels = np.where(mask[..., None] == 1, 2.0, 0.0).astype(np.float32)
    image = keras.Input((32, 32, 1))
    trained = keras.Model(image, model.network(image, num_classes=1))
    trained.compile(optimizer=keras.optimizers.AdamW(1e-2), loss=model.loss, run_eagerly=True)
    target = model.encode(list(mask), shape=(32, 32), num_classes=1)
    losses = [float(trained.train_on_batch(pixels, target)) for _ in range(8)]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.8 * losses[0]
