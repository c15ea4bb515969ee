"""What ``timm.create_model`` must be told to open the folder of a detector."""

from typing import TYPE_CHECKING, Any

from face_forgery.modeling.detector import CLASS_NAMES, Detector

if TYPE_CHECKING:
    from face_forgery.modeling.network import DetectorNetwork


def timm_config(detector: Detector, network: "DetectorNetwork") -> dict[str, Any]:
    """Return the content of timm's ``config.json``: what ``timm.create_model`` must be told.

    The image is resized to a square as a whole, which timm calls the crop mode ``squash`` with
    ``crop_pct`` 1. Channels after the colors go to the backbone as they are: mean 0, deviation 1.
    """
    size, backbone = detector.preprocessing.image_size, network.backbone
    num_extra = 0 if network.extra is None else network.extra.num_channels
    own: dict[str, Any] = dict(getattr(backbone, "pretrained_cfg", {}))
    config = {
        "architecture": detector.architecture.partition(".")[0],
        "num_classes": len(CLASS_NAMES),
        "num_features": int(getattr(backbone, "num_features", 0)),
        "label_names": list(CLASS_NAMES),
        "model_args": dict(detector.options) | ({"in_chans": 3 + num_extra} if num_extra else {}),
        "pretrained_cfg": {
            "tag": "face_forgery",
            "custom_load": False,
            "input_size": [3 + num_extra, size, size],
            # Such a backbone is built for input_size; timm sees to that.
            "fixed_input_size": bool(own.get("fixed_input_size")),
            "interpolation": detector.preprocessing.interpolation,
            "crop_pct": 1.0,
            "crop_mode": "squash",
            "mean": [*detector.preprocessing.mean, *[0.0] * num_extra],
            "std": [*detector.preprocessing.std, *[1.0] * num_extra],
            "num_classes": len(CLASS_NAMES),
            "pool_size": None,
            "first_conv": own.get("first_conv"),
            "classifier": own.get("classifier"),
        },
    }
    if isinstance(pool := detector.options.get("global_pool"), str):
        config["global_pool"] = pool
    return config
