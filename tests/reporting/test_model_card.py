"""The model card has metadata that parse, and the sections that its readers know."""

import yaml

from face_forgery.reporting.model_card import render_model_card


def render(make_judged, make_detector, **changes):
    judged = make_judged()
    judged["breakdown"][1]["cells"][0]["name"] = "a|b <i>"
    values = {
        "metrics": judged["metrics"],
        "operating_points": judged["operating_points"],
        "breakdown": judged["breakdown"],
        "limits": ["Too few pictures."],
        "data_report": {"subsets": {"train": {"images": 1200}}},
        "audit": None,
        "robustness": None,
    }
    versions = {"face_forgery": "0.1.0", "git_commit": "c0ffee", "git_dirty": False}
    versions |= dict.fromkeys(("python", "torch", "torchvision", "timm"), "9.9")
    channels = changes.pop("input", "rgb")
    detector = make_detector(code_version=versions, temperature=1.8, input=channels)
    return judged, render_model_card(detector, **values | changes)


def test_metadata_are_yaml_with_the_results(make_judged, make_detector):
    judged, card = render(make_judged, make_detector)
    _, header, _ = card.split("---\n", 2)
    metadata = yaml.safe_load(header)
    assert metadata["library_name"] == "timm"
    assert metadata["pipeline_tag"] == "image-classification"
    results = metadata["model-index"][0]["results"][0]["metrics"]
    values = {result["type"]: result["value"] for result in results}
    assert values["auc"] == judged["metrics"]["auc"]["value"]
    assert "tpr_at_fpr_1e-3" not in values  # 75 real pictures cannot show it


def test_sections_and_limits_are_there(make_judged, make_detector):
    _, card = render(make_judged, make_detector)
    headings = [line for line in card.splitlines() if line.startswith("## ")]
    assert headings == [
        "## Model details",
        "## Uses",
        "## Bias, risks and limitations",
        "## How to get started",
        "## Training details",
        "## Evaluation",
    ]
    assert "- Too few pictures." in card
    assert "divided by 1.8 (temperature scaling)" in card
    assert "git commit `c0ffee`" in card
    assert "Not measured for this detector." in card


def test_names_of_users_do_not_break_the_table(make_judged, make_detector):
    _, card = render(make_judged, make_detector)
    assert "| source: a\\|b \\<i\\> | 75 | 75 |" in card


def test_further_channels_are_named_where_there_are_any(make_judged, make_detector):
    _, plain = render(make_judged, make_detector)
    _, card = render(make_judged, make_detector, input="rgb_srm")
    assert "channels" not in plain
    assert "three channels of fixed filters (`rgb_srm`)" in card
    assert "# It reads six channels;" in card
