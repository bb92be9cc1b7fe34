"""A detector in little, whose parts need no Keras, and whose space can be gone through whole."""

import textwrap

import pytest

PARTS = """
    from dataclasses import dataclass
    from typing import ClassVar

    class Encoder: pass
    class Loss: pass
    class BoxLoss(Loss): pass
    class MapLoss(Loss): pass
    class Block: pass

    @dataclass(frozen=True)
    class Target:
        form: ClassVar[str] = "mask"

    @dataclass(frozen=True)
    class BoxTarget:
        form: ClassVar[str] = "boxes"

    @dataclass(frozen=True)
    class Plain(Block): pass

    @dataclass(frozen=True)
    class Deep(Block):
        depth: int = 2

    @dataclass(frozen=True)
    class Fixed(Encoder): pass

    @dataclass(frozen=True)
    class Blocks(Encoder):
        block: Block
        activation: object

    @dataclass(frozen=True)
    class Dice(MapLoss): pass

    @dataclass(frozen=True)
    class Sum(MapLoss):
        one: MapLoss

    @dataclass(frozen=True)
    class Centre(BoxLoss): pass

    @dataclass(frozen=True)
    class Relu: pass

    @dataclass(frozen=True)
    class Gelu: pass

    @dataclass(frozen=True)
    class MapModel:
        encoder: Encoder
        loss: MapLoss
        task: ClassVar[str] = "score_map"
        form: ClassVar[str] = "mask"

    @dataclass(frozen=True)
    class WholeModel:
        loss: MapLoss
        block: Block
        width: int = 4
        task: ClassVar[str] = "score_map"
        form: ClassVar[str] = "mask"

    @dataclass(frozen=True)
    class BoxModel:
        encoder: Encoder
        loss: BoxLoss
        task: ClassVar[str] = "boxes"
        form: ClassVar[str] = "boxes"

    @dataclass(frozen=True)
    class Adam: pass

    @dataclass(frozen=True)
    class Sgd:
        momentum: float = 0.9
"""
FILES = {
    "conf/config.yaml": """
        defaults:
          - model: map
          - optimizer: adam
          - compute: local
          - chain: [relu]
          - _self_
          - experiment: base
        package: little_parts
        postprocess:
          tasks:
            threshold:
              _target_: factory_core.postprocess.score_maps.threshold.Threshold
              min_score: 0.5
            polygonise: {_target_: factory_core.postprocess.vectorisers.polygonise.Polygonise}
          order: [threshold, polygonise]
        hydra: {searchpath: []}
    """,
    "conf/experiment/base.yaml": "# @package _global_\n",
    "conf/compute/local.yaml": """
        # @package _global_
        compute: {_target_: factory_core.kernel.compute.Local}
    """,
    "conf/chain/relu.yaml": "# @package chain.tasks\nrelu: {_target_: little_parts.parts.Relu}\n",
    "conf/model/map.yaml": """
        # @package _global_
        defaults: [/target: mask, /loss: dice, /encoder: fixed, /activation: relu]
        model: {_target_: little_parts.parts.MapModel, encoder: "${encoder}", loss: "${loss}"}
    """,
    "conf/model/whole.yaml": """
        # @package _global_
        defaults: [/target: mask, /loss: dice, /block: plain, /activation: relu]
        model: {_target_: little_parts.parts.WholeModel, loss: "${loss}", block: "${block}"}
    """,
    "conf/model/boxes.yaml": """
        # @package _global_
        defaults: [/target: boxes, /loss: centre, /encoder: fixed, /activation: relu]
        model: {_target_: little_parts.parts.BoxModel, encoder: "${encoder}", loss: "${loss}"}
    """,
    "conf/target/mask.yaml": """
        # @package dataset
        target: {_target_: little_parts.parts.Target}
    """,
    "conf/target/boxes.yaml": """
        # @package dataset
        target: {_target_: little_parts.parts.BoxTarget}
    """,
    "conf/encoder/fixed.yaml": "# @package encoder\n_target_: little_parts.parts.Fixed\n",
    "conf/encoder/blocks.yaml": """
        # @package _global_
        defaults: [/block@encoder.block: plain]
        encoder: {_target_: little_parts.parts.Blocks, activation: "${activation}"}
    """,
    "conf/block/plain.yaml": "# @package block\n_target_: little_parts.parts.Plain\n",
    "conf/block/deep.yaml": "# @package block\n_target_: little_parts.parts.Deep\ndepth: 2\n",
    "conf/loss/dice.yaml": "# @package loss\n_target_: little_parts.parts.Dice\n",
    "conf/loss/centre.yaml": "# @package loss\n_target_: little_parts.parts.Centre\n",
    "conf/loss/sum.yaml": """
        # @package loss
        defaults: [/loss@one: dice]
        _target_: little_parts.parts.Sum
    """,
    "conf/activation/relu.yaml": "# @package activation\n_target_: little_parts.parts.Relu\n",
    "conf/activation/gelu.yaml": "# @package activation\n_target_: little_parts.parts.Gelu\n",
    "conf/optimizer/adam.yaml": "# @package optimizer\n_target_: little_parts.parts.Adam\n",
    "conf/optimizer/sgd.yaml": """
        # @package optimizer
        _target_: little_parts.parts.Sgd
        momentum: 0.9
    """,
    "dvc.yaml": """
        stages:
          dataset: {cmd: "true", params: [dataset]}
          train: {cmd: "true", params: [model, optimizer]}
          postprocess: {cmd: "true", params: [postprocess]}
    """,
    "params.yaml": "package: little_parts\n",
    "little_parts/__init__.py": "",
    "little_parts/parts.py": PARTS,
}


@pytest.fixture
def detector(tmp_path, monkeypatch):
    """Root of the little detector, which is the current folder."""
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path
