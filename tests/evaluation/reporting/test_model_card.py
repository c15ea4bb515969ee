"""The model card has metadata that parse, and the sections that its readers know."""

import re

import yaml

from face_forgery.evaluation.reporting.report import render_model_card
from face_forgery.modeling.ensemble import join_detectors
from face_forgery.modeling.provenance import TrainingData


def render(make_judged, make_detector, detector=None, language="en", **changes):
    judged = make_judged()
    judged["breakdown"][1]["cells"][0]["name"] = "a|b <i>"
    values = {
        "metrics": judged["metrics"],
        "operating_points": judged["operating_points"],
        "breakdown": judged["breakdown"],
        "data_report": {"subsets": {"train": {"images": 1200}}},
        "audit": None,
        "robustness": None,
    }
    versions = {"face_forgery": "0.1.0", "git_commit": "c0ffee", "git_dirty": False}
    versions |= dict.fromkeys(("python", "torch", "torchvision", "timm"), "9.9")
    detector = detector or make_detector(code_version=versions, temperature=1.8, **changes)
    return judged, render_model_card(language, detector=detector, **values)


def test_metadata_are_yaml_with_the_results(make_judged, make_detector):
    judged, card = render(make_judged, make_detector)
    _, header, _ = card.split("---\n", 2)
    metadata = yaml.safe_load(header)
    assert metadata["library_name"] == "timm"
    assert metadata["pipeline_tag"] == "image-classification"
    results = metadata["model-index"][0]["results"][0]["metrics"]
    values = {result["type"]: result["value"] for result in results}
    assert values["auc"] == judged["metrics"]["auc"]["value"]
    assert "tpr_at_fpr_1e-3" not in values  # 75 real images cannot show it


def test_sections_and_limits_are_there(make_judged, make_detector):
    _, card = render(make_judged, make_detector)
    headings = [line.removeprefix("## ") for line in card.splitlines() if line.startswith("## ")]
    assert headings == [
        *("Model details", "Uses", "Bias, risks and limitations", "How to get started"),
        *("Training details", "Evaluation"),
    ]
    assert "- 38 real images cannot promise" not in card
    assert "cannot be measured with so few real images." in card
    assert "divided by 1.8 (temperature scaling)" in card
    assert "git commit `c0ffee`" in card
    assert "Not measured for this detector." in card
    assert "| source: a\\|b \\<i\\> | 75 | 75 |" in card  # names do not break the table


def test_weights_and_passes_are_counted(make_judged, make_detector):
    count = f"{make_detector().count_parameters():,}"
    _, card = render(make_judged, make_detector)
    assert f"- **Parameters:** {count}; forward passes an image: 1\n" in card
    _, card = render(make_judged, make_detector, tta="flip")
    assert f"{count}; forward passes an image: 2, the mean of the logits of te" in card


def test_an_ensemble_is_described_by_its_members(make_judged, make_detector):
    versions = {"face_forgery": "0.1.0"}
    members = {"a": make_detector(), "b": make_detector("test_vit")}
    joined = join_detectors(
        members, data_fingerprint="f" * 64, code_version=versions, other_data="refuse"
    )
    _, card = render(make_judged, make_detector, detector=joined)
    assert "test_resnet + test_vit on 32 x 32 pixels" in card
    assert "an ensemble of 2 detectors" in card
    for number, member in enumerate(joined.members, start=1):
        line = f"  - `members/{number}_{member.architecture}`: `{member.architecture}`, "
        assert line in card
    assert f"local-dir:data/06_models/detector/members/1_{joined.members[0].architecture}" in card
    assert "the epoch of each member was chosen by validation AUC" in card


def test_further_channels_are_named_where_there_are_any(make_judged, make_detector):
    _, plain = render(make_judged, make_detector)
    _, card = render(make_judged, make_detector, input="rgb_srm")
    assert "channels" not in plain
    assert "and channels of fixed filters (`rgb_srm`)" in card
    assert "# It reads more than three channels;" in card


def test_a_truncated_network_is_not_opened_by_timm(make_judged, make_detector):
    _, card = render(make_judged, make_detector, truncate_after="layer3")
    assert "truncated after `layer3`" in card
    assert "import timm" not in card
    code = card.split("```python\n")[1].split("```")[0]
    compile(code, "card", "exec")
    assert "read_detector" in code


def test_a_card_leads_with_the_judgement_and_says_what_the_detector_learnt_from(
    make_judged, make_detector
):
    learnt = TrainingData("a|b", 40, 60, 90, {"swap": 60}, {"web": 100}, {"unknown": 100})
    _, card = render(make_judged, make_detector, training_data=learnt)
    first = card.split("---\n", 2)[2].split("\n- ")
    assert "**! Usable with care**" in first[0]
    assert first[1].startswith(
        "\N{CHECK MARK} Learnt from 100 images of a\\|b: 40 real, 60 forged;"
    )
    assert "a\\|b: 40 real and 60 forged images in 90 groups" in card
    _, card = render(make_judged, make_detector)
    assert "is not recorded: an older release trained it" in card


def test_a_chinese_card_has_the_same_sections_under_links_that_lead_there(
    make_judged, make_detector
):
    _, card = render(make_judged, make_detector, language="zh")
    anchors = re.findall(r"\]\(#(.+?)\)", card)
    headings = [line.removeprefix("## ") for line in card.splitlines() if line.startswith("## ")]
    assert anchors == [title.replace("、", "").replace(" ", "-") for title in headings]
    assert len(anchors) == 6
    assert "[English](model_card.md)" in card
    text = re.sub(r"```.*?```|`[^`]*`|^---.*?^---", "", card, flags=re.DOTALL | re.MULTILINE)
    assert re.findall(r"[A-Za-z]{3,} [a-z]{2,} [a-z]{2,}", text) == []
