"""The backbones of keras-hub as encoders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np

from factory_core.kernel.errors import ConfigError, ModelError, nearest
from factory_core.kernel.limits import check_within
from factory_core.models.encoders.bands import DEVIATION, MEAN, SHOWN, Photographs
from factory_core.models.encoders.half import half_sides
from factory_core.models.encoders.weights_file import check_file, load_weights
from factory_core.models.hub import PACKAGE, keras_hub
from factory_core.models.interface import Encoder, Tensor

WEIGHTS = "model.weights.h5"


@dataclass(frozen=True)
class HubBackbone(Encoder):
    """A backbone of keras-hub that has features at several scales, for any number of bands.

    It starts from noise, or from a preset in a folder, as keras-hub's own `save_to_preset`
    writes it; nothing is ever downloaded. Where there is a network,
    `keras_hub.models.Backbone.from_preset("resnet_vd_18_imagenet").save_to_preset("folder")`
    makes such a folder. Weights for three bands are taken as learnt on photographs, in the
    values which the preset's image converter gives, and widened to the bands of the data
    (`bands.for_bands`).

    Where the backbone has no features at half the sides, they come from a 3 x 3 convolution of
    stride 2 beside it, from noise. Its MiTBackbone takes square windows only.

    Args:
        backbone: Class in `keras_hub.models`, `ResNetBackbone`; a preset brings its own.
        config: Its arguments, without `image_shape`; a preset brings its own.
        preset: Folder of a preset; none starts from noise.
        sha256: Of `model.weights.h5` in that folder.
        depth: Feature maps kept; the coarsest has `1 / 2**depth` the sides.
    """

    needs: ClassVar[str] = PACKAGE

    backbone: str = "ResNetBackbone"
    config: Mapping[str, Any] = field(default_factory=dict)
    preset: Path | None = None
    sha256: str = ""
    depth: int = 5

    def __post_init__(self) -> None:
        check_within(2, 6, depth=self.depth)

    @property
    def levels(self) -> int:
        """Number of feature maps."""
        return self.depth

    def features(self, image: Tensor) -> list[Tensor]:
        """Features of `1/2`, `1/4`, ... the sides of `image`, finest first."""
        inner = self._inner(self._whole(tuple(image.shape[1:])))
        found = inner(image)
        found = list(found) if len(inner.outputs) > 1 else [found]
        return found if len(found) == self.depth else [half_sides(image), *found]

    def load_pretrained(self, network: Any, *, bands: Sequence[str]) -> None:
        """Give the encoder in `network` the weights of its preset.

        Raises:
            ModelError: The file is missing or another one, is for other bands, or does not fit.
        """
        if self.preset is None:
            return
        path = self.preset / WEIGHTS
        check_file(path, sha256=self.sha256, key="encoder.preset")
        inner = next(layer for layer in network.layers if layer.name.startswith("encoder_hub_"))
        sides = tuple(inner.inputs[0].shape[1:3])
        load_weights(
            inner,
            path,
            whole=lambda count: self._whole((*sides, count)),
            inner=self._inner,
            shown=_shown(self.preset),
            bands=bands,
        )

    def _whole(self, image_shape: tuple[int, ...]) -> keras.Model:
        """The backbone as its preset knows it, from noise."""
        kind, config = self._class_and_config()
        try:
            return kind.from_config({**config, "image_shape": image_shape})
        except (TypeError, ValueError) as error:
            reason = " ".join(str(error).split())[:300]
            raise ConfigError(
                f"keras-hub builds no {kind.__name__} of `encoder.config`: {reason}"
            ) from error

    def _class_and_config(self) -> tuple[Any, dict[str, Any]]:
        models = keras_hub().models
        if self.preset is not None:
            if not (self.preset / "config.json").is_file():
                raise ModelError(
                    f"`encoder.preset` names {self.preset}, which is no folder of a preset here "
                    f"({Path.cwd()}): it has no config.json. Write one with `save_to_preset`."
                )
            saved = models.Backbone.from_preset(str(self.preset), load_weights=False)
            return type(saved), saved.get_config()
        known = [
            name
            for name in dir(models)
            if name.endswith("Backbone")
            and issubclass(getattr(models, name), models.FeaturePyramidBackbone)
        ]
        if self.backbone not in known:
            raise ConfigError(
                f"`encoder.backbone` is no backbone of keras-hub with features at several scales: "
                f"{self.backbone!r}.{nearest(self.backbone, known)} There are: {', '.join(known)}."
            )
        return getattr(models, self.backbone), dict(self.config)

    def _inner(self, whole: keras.Model) -> keras.Model:
        """Of the backbone, what goes from the image to the features that are kept."""
        image_px = whole.inputs[0].shape[1]
        found = {}
        for x in whole.pyramid_outputs.values():
            # Not by name: the finest of a Mix Transformer is called P1 and has 1/4 of the sides.
            found[(image_px // x.shape[1]).bit_length() - 1] = x
        kept = [found[level] for level in range(1, self.depth + 1) if level in found]
        if len(kept) < self.depth - 1 or not all(n in found for n in range(2, self.depth + 1)):
            raise ConfigError(
                f"`encoder.depth` asks for features down to 1/{2**self.depth} of the sides, and "
                f"{type(whole).__name__} has those of "
                f"{', '.join(f'1/{2**level}' for level in sorted(found))}."
            )
        return keras.Model(
            whole.inputs[0], kept, name=f"encoder_hub_{type(whole).__name__.lower()}"
        )


def _shown(preset: Path) -> Photographs:
    """The values in which the network of a preset was shown photographs."""
    if not (preset / "image_converter.json").is_file():
        return SHOWN["torch"]
    converter = keras_hub().layers.ImageConverter.from_preset(str(preset))
    scale = 255 * np.ones(3) * (1.0 if converter.scale is None else np.array(converter.scale))
    offset = np.zeros(3) if converter.offset is None else np.array(converter.offset)
    return Photographs(scale=scale * DEVIATION, offset=scale * MEAN + offset)
