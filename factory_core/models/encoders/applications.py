"""The networks of `keras.applications` as encoders."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import keras
from keras import layers

from factory_core.kernel.errors import nearest
from factory_core.kernel.limits import check_within
from factory_core.models.bricks.normalisation import BatchNormalisation
from factory_core.models.encoders.bands import SHOWN
from factory_core.models.encoders.weights_file import check_file, load_weights
from factory_core.models.interface import Encoder, Tensor


class _Application(NamedTuple):
    """What of an application is taken.

    Attributes:
        shown: In which values it was shown photographs, a key of `bands.SHOWN`.
        ends: The layers that give the features of `1/2`, `1/4`, ...
        prepares: Whether it can be built without its own preparation of the image.
    """

    shown: str
    ends: tuple[str, ...]
    prepares: bool = False


def _resnet(blocks: tuple[int, ...], end: str) -> tuple[str, ...]:
    return tuple(f"conv{stage}_block{n}_{end}" for stage, n in enumerate(blocks, start=2))


def _efficientnet_v2(*fine: str) -> tuple[str, ...]:
    return (*fine, "block4a_expand_activation", "block6a_expand_activation", "top_activation")


_DENSENET = ("conv1_relu", "pool2_relu", "pool3_relu", "pool4_relu", "relu")
_EFFICIENTNET = (
    *(f"block{number}a_expand_activation" for number in (2, 3, 4, 6)),
    "top_activation",
)
_MOBILENET_V3_SMALL = (
    "conv_bn",
    "expanded_conv_project_bn",
    *(f"expanded_conv_{number}_add" for number in (2, 7, 10)),
)
_MOBILENET_V3_LARGE = (
    "expanded_conv_add",
    *(f"expanded_conv_{number}_add" for number in (2, 5, 11, 14)),
)

APPLICATIONS = {
    "ResNet50": _Application("caffe", ("conv1_relu", *_resnet((3, 4, 6, 3), "out"))),
    "ResNet101": _Application("caffe", ("conv1_relu", *_resnet((3, 4, 23, 3), "out"))),
    # The last block of a stage shrinks: its features are those that this block is given.
    "ResNet50V2": _Application(
        "tf", ("conv1_conv", *_resnet((3, 4, 6), "preact_relu"), "post_relu")
    ),
    "ResNet101V2": _Application(
        "tf", ("conv1_conv", *_resnet((3, 4, 23), "preact_relu"), "post_relu")
    ),
    "DenseNet121": _Application("torch", _DENSENET),
    "DenseNet169": _Application("torch", _DENSENET),
    "DenseNet201": _Application("torch", _DENSENET),
    "EfficientNetB0": _Application("torch", _EFFICIENTNET),
    "EfficientNetB1": _Application("torch", _EFFICIENTNET),
    "EfficientNetB2": _Application("torch", _EFFICIENTNET),
    "EfficientNetB3": _Application("torch", _EFFICIENTNET),
    "EfficientNetB4": _Application("torch", _EFFICIENTNET),
    "EfficientNetV2B0": _Application(
        "torch", _efficientnet_v2("block1a_project_activation", "block2b_add"), prepares=True
    ),
    "EfficientNetV2S": _Application(
        "tf_128", _efficientnet_v2("block1b_add", "block2d_add"), prepares=True
    ),
    "MobileNetV2": _Application(
        "tf",
        (
            "expanded_conv_project_BN",
            *(f"block_{number}_add" for number in (2, 5, 12)),
            "out_relu",
        ),
    ),
    "MobileNetV3Small": _Application("tf", _MOBILENET_V3_SMALL, prepares=True),
    "MobileNetV3Large": _Application("tf", _MOBILENET_V3_LARGE, prepares=True),
}
NORMALISATION = BatchNormalisation()


@dataclass(frozen=True)
class KerasApplication(Encoder):
    """A network of `keras.applications` without its classifier, for any number of bands.

    It starts from noise, or from weights in a file, such as those that Keras offers for
    `include_top=False`; nothing is ever downloaded. A file with weights for three bands is
    taken as learnt on photographs, in the values which that application is shown (0 to 255
    less their mean, -1 to 1, or mean 0 and deviation 1): its first layer is changed so that
    it takes our images, of mean 0 and deviation 1, and any bands (`bands.for_bands`). A file
    for as many bands as the data has is taken as it is.

    Moving averages of batch normalisation follow faster than Keras' own, as in our bricks.
    ConvNeXt is not among them: its GELU and its grouped convolutions have no ONNX. The block
    `convnext` of our own encoders has.

    Args:
        name: As Keras writes it, `ResNet50V2`.
        weights: File that ends in `.weights.h5`, `.h5` or `.keras`; none starts from noise.
        sha256: Of that file.
        depth: Feature maps kept; the coarsest has `1 / 2**depth` the sides.
    """

    name: str
    weights: Path | None = None
    sha256: str = ""
    depth: int = 5

    def __post_init__(self) -> None:
        if self.name not in APPLICATIONS:
            raise ValueError(
                f"`name` is no application known here: {self.name!r}."
                f"{nearest(self.name, APPLICATIONS)} Choose among {', '.join(APPLICATIONS)}."
            )
        check_within(2, 5, depth=self.depth)

    @property
    def levels(self) -> int:
        """Number of feature maps."""
        return self.depth

    def features(self, image: Tensor) -> list[Tensor]:
        """Features of `1/2`, `1/4`, ... the sides of `image`, finest first."""
        inner = self._inner(self._whole(image.shape[-1]))
        for layer in inner.layers:
            if isinstance(layer, layers.BatchNormalization):
                layer.momentum = NORMALISATION.momentum
        return list(inner(image))

    def load_pretrained(self, network: Any, *, bands: Sequence[str]) -> None:
        """Give the encoder in `network` the weights of its file.

        Raises:
            ModelError: The file is missing or another one, is for other bands, or does not fit.
        """
        if self.weights is None:
            return
        check_file(self.weights, sha256=self.sha256)
        load_weights(
            network.get_layer(self._inner_name),
            self.weights,
            whole=self._whole,
            inner=self._inner,
            shown=SHOWN[APPLICATIONS[self.name].shown],
            bands=bands,
        )

    @property
    def _inner_name(self) -> str:
        return f"encoder_{self.name.lower()}"

    def _whole(self, bands: int) -> keras.Model:
        """The application as its file of weights knows it, from noise."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "This model usually expects 1 or 3 input channels")
            found: keras.Model = getattr(keras.applications, self.name)(
                include_top=False,
                weights=None,
                input_shape=(None, None, bands),
                **({"include_preprocessing": False} if APPLICATIONS[self.name].prepares else {}),
            )
        return found

    def _inner(self, whole: keras.Model) -> keras.Model:
        """Of the application, what goes from a prepared image to the features."""
        prepared = whole.inputs[0]
        for layer in whole.layers:
            if isinstance(layer, (layers.Rescaling, layers.Normalization)):
                prepared = layer.output
        ends = APPLICATIONS[self.name].ends[: self.depth]
        outputs = [whole.get_layer(end).output for end in ends]
        return keras.Model(prepared, outputs, name=self._inner_name)
