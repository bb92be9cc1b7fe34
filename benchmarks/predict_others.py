"""Others that run the same network over the same scene; a worker of `predict.py`.

It runs in a virtual environment of its own, made with

    uv venv /tmp/others
    uv pip install --python /tmp/others/bin/python sahi torch torchvision torchgeo onnxruntime

and, for Raster Vision, whose requirements are its own, in another:

    uv pip install --python /tmp/raster_vision/bin/python rastervision-core \
        rastervision-pytorch-learner onnxruntime

Each opens the file, runs windows of the same size and overlap through the same session of ONNX
Runtime, and ends with the score map, or the boxes, of the whole scene on disk.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime

WINDOW_PX, OVERLAP_PX, BATCH = 512, 64, 8


def main() -> None:
    what, scene, model, out = sys.argv[1:]
    started = time.perf_counter()
    OTHERS[what](Path(scene), Path(model), Path(out))
    seconds = time.perf_counter() - started
    usage = resource.getrusage(resource.RUSAGE_SELF)
    found = {
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mb": round(usage.ru_maxrss / 1024),
    }
    print(json.dumps(found))


def open_session(model: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.enable_mem_pattern = False
    return onnxruntime.InferenceSession(
        model, sess_options=options, providers=["CPUExecutionProvider"]
    )


def torchgeo(scene: Path, model: Path, out: Path) -> None:
    """Its dataset and grid sampler; the mean of overlapping windows, as its tutorials stitch."""
    import rasterio
    from torch.utils.data import DataLoader
    from torchgeo.datasets import RasterDataset, stack_samples
    from torchgeo.samplers import GridGeoSampler

    class Scene(RasterDataset):
        filename_glob = scene.name

    session = open_session(model)
    dataset = Scene(str(scene.parent))
    sampler = GridGeoSampler(dataset, size=WINDOW_PX, stride=WINDOW_PX - OVERLAP_PX)
    loader = DataLoader(dataset, batch_size=BATCH, sampler=sampler, collate_fn=stack_samples)
    with rasterio.open(scene) as source:
        profile, (height, width), inverse = source.profile, source.shape, ~source.transform
    # Its grid begins below and may reach over any side.
    total = np.zeros((height + 2 * WINDOW_PX, width + 2 * WINDOW_PX), np.float32)
    count = np.zeros_like(total)
    for batch in loader:
        images = batch["image"].numpy().transpose(0, 2, 3, 1).astype(np.uint8)
        (scores,) = session.run(["scores"], {"image": images})
        for window, bounds in zip(scores[..., 0], batch["bounds"], strict=True):
            x_min, y_max = corner_of(bounds)
            column, row = (round(place) + WINDOW_PX for place in inverse * (x_min, y_max))
            here = slice(row, row + WINDOW_PX), slice(column, column + WINDOW_PX)
            total[here] += window
            count[here] += 1
    mean = (total / np.maximum(count, 1))[WINDOW_PX:-WINDOW_PX, WINDOW_PX:-WINDOW_PX]
    profile.update(count=1, dtype="uint8", nodata=None)
    with rasterio.open(out, "w", **profile) as sink:
        sink.write(np.rint(mean * 255).astype(np.uint8), 1)


def corner_of(bounds: object) -> tuple[float, float]:
    """Left and upper bound of a sample: slices of x, y and time, or their numbers in a row."""
    if hasattr(bounds, "ndim"):
        return float(bounds[0]), float(bounds[4])
    x, y = bounds[:2]
    return float(x.start), float(y.stop)


def raster_vision(scene: Path, model: Path, out: Path) -> None:
    """Its sliding windows and its smooth labels, which add overlapping windows up."""
    from rastervision.core.data import ClassConfig, SemanticSegmentationSmoothLabels
    from rastervision.pytorch_learner import SemanticSegmentationSlidingWindowGeoDataset
    from torch.utils.data import DataLoader

    session = open_session(model)
    classes = ClassConfig(names=["thing", "background"], null_class="background")
    dataset = SemanticSegmentationSlidingWindowGeoDataset.from_uris(
        image_uri=str(scene),
        class_config=classes,
        size=WINDOW_PX,
        stride=WINDOW_PX - OVERLAP_PX,
        normalize=False,
    )

    def predictions():
        for images, _ in DataLoader(dataset, batch_size=BATCH):
            pixels = images.numpy().transpose(0, 2, 3, 1).astype(np.uint8)
            (scores,) = session.run(["scores"], {"image": pixels})
            for window in scores[..., 0]:
                yield np.stack([window, 1 - window])

    labels = SemanticSegmentationSmoothLabels.from_predictions(
        dataset.windows,
        predictions(),
        extent=dataset.scene.extent,
        num_classes=len(classes),
    )
    labels.save(
        str(out),
        crs_transformer=dataset.scene.raster_source.crs_transformer,
        class_config=classes,
        discrete_output=False,
        smooth_as_uint8=True,
    )


def sahi(scene: Path, model: Path, out: Path) -> None:
    """Its slices of an image in memory, and its non-maximum suppression."""
    import rasterio
    from sahi.annotation import Category
    from sahi.models.base import DetectionModel
    from sahi.predict import get_sliced_prediction
    from sahi.prediction import ObjectPrediction

    session = open_session(model)

    class Network(DetectionModel):
        def load_model(self) -> None:
            self.model = session

        def perform_inference(self, image: np.ndarray) -> None:
            self.perform_batch_inference([image])

        def perform_batch_inference(self, images: list[np.ndarray]) -> None:
            self._original_predictions = self.model.run(
                ["boxes", "scores"], {"image": np.stack(images)}
            )

        def _create_object_prediction_list_from_original_predictions(
            self, shift_amount_list=None, full_shape_list=None
        ) -> None:
            self._object_prediction_list_per_image = [
                [
                    ObjectPrediction(
                        bbox=box.tolist(),
                        category_id=0,
                        category_name=Category(0, "thing").name,
                        score=float(score),
                        shift_amount=shift,
                        full_shape=shape,
                    )
                    for box, score in zip(boxes, scores, strict=True)
                    if score >= self.confidence_threshold
                ]
                for boxes, scores, shift, shape in zip(
                    *self._original_predictions, shift_amount_list, full_shape_list, strict=False
                )
            ]

    with rasterio.open(scene) as source:
        image = np.ascontiguousarray(source.read().transpose(1, 2, 0))
    found = get_sliced_prediction(
        image,
        Network(confidence_threshold=0.01, device="cpu"),
        slice_height=WINDOW_PX,
        slice_width=WINDOW_PX,
        overlap_height_ratio=OVERLAP_PX / WINDOW_PX,
        overlap_width_ratio=OVERLAP_PX / WINDOW_PX,
        perform_standard_pred=False,
        postprocess_type="NMS",
        postprocess_match_metric="IOU",
        batch_size=BATCH,
        verbose=0,
    )
    out.write_text(json.dumps(found.to_coco_predictions(image_id=1)))


OTHERS = {"torchgeo": torchgeo, "raster_vision": raster_vision, "sahi": sahi}


if __name__ == "__main__":
    main()
