"""A submission has the rows of the label file, and nothing that would be turned down passes."""

import numpy as np
import pandas as pd
import pytest

from face_forgery.inference.submission import (
    SubmissionError,
    check_submission,
    score_rows,
    submission_rows,
    summarize_submission,
)

READING = {"batch_size": 4, "num_workers": 0}


NO_SPLIT = pd.DataFrame()


def make_labels(**names_of_subset: list[str]) -> pd.DataFrame:
    rows = [
        {"subset": subset, "row": row, "img_name": name, "path": f"{subset}set/{name}"}
        for subset, names in names_of_subset.items()
        for row, name in enumerate(names)
    ]
    return pd.DataFrame(rows).astype({"subset": "string", "img_name": "string"})


@pytest.fixture
def submission():
    return pd.DataFrame({"img_name": ["b.jpg", "a.jpg", "c.jpg"], "y_pred": [0.0, 0.25, 1.0]})


@pytest.fixture
def names(submission):
    return submission["img_name"].astype("string")


def test_the_test_set_is_covered_in_the_order_of_its_file():
    labels = make_labels(train=["t"], val=["v"], test=["b", "c", "a"])
    shuffled = labels.sample(frac=1, random_state=1)
    assert submission_rows(shuffled, NO_SPLIT)["img_name"].tolist() == ["b", "c", "a"]


def test_without_a_test_set_validation_or_what_was_split_off_is_covered():
    rows = submission_rows(make_labels(train=["t"], val=["b", "a"]), NO_SPLIT)
    assert rows["img_name"].tolist() == ["b", "a"]
    labels = make_labels(train=["a", "b", "c"])
    assert submission_rows(labels, labels.iloc[[2, 0]])["img_name"].tolist() == ["a", "c"]


@pytest.fixture
def labels(tmp_path, make_picture):
    (tmp_path / "testset").mkdir()
    names = ["b.png", "c.png", "a.png"]
    for seed, name in enumerate(names):
        make_picture(seed).save(tmp_path / "testset" / name)
    return make_labels(test=names)


def test_every_row_is_scored_in_its_order(make_detector, labels, tmp_path):
    rows = submission_rows(labels, NO_SPLIT)
    made = score_rows(make_detector(), rows, tmp_path, unreadable_score=None, **READING)
    assert list(made.columns) == ["img_name", "y_pred"]
    assert made["img_name"].tolist() == ["b.png", "c.png", "a.png"]
    backwards = score_rows(
        make_detector(), rows[::-1].reset_index(), tmp_path, unreadable_score=None, **READING
    )
    assert np.allclose(made["y_pred"], backwards["y_pred"][::-1], atol=1e-6, rtol=0)
    assert made["y_pred"].nunique() == 3
    assert check_submission(made, rows["img_name"]) is made


def test_an_unreadable_image_gets_the_score_that_was_set(make_detector, labels, tmp_path):
    (tmp_path / "testset" / "c.png").write_bytes(b"")
    how = {"unreadable_score": 0.25, **READING}
    made = score_rows(make_detector(), submission_rows(labels, NO_SPLIT), tmp_path, **how)
    assert made["y_pred"][1] == 0.25
    assert made["y_pred"].notna().all()


def test_an_unreadable_image_without_a_score_is_an_error(make_detector, labels, tmp_path):
    (tmp_path / "testset" / "c.png").write_bytes(b"")
    (tmp_path / "testset" / "a.png").unlink()
    message = (
        r"2 of 3 images .*: c\.png \(it is empty\); a\.png \(no such file\)\. .*"
        r"submission\.unreadable_score"
    )
    rows = submission_rows(labels, NO_SPLIT)
    with pytest.raises(SubmissionError, match=message):
        score_rows(make_detector(), rows, tmp_path, unreadable_score=None, **READING)


def test_a_good_submission_passes_unchanged(submission, names):
    assert check_submission(submission, names) is submission


def test_all_faults_are_named_at_once_with_three_examples(submission, names):
    many = pd.DataFrame({"img_name": [f"{i}.jpg" for i in range(9)], "y_pred": [2.0] * 9})
    with pytest.raises(SubmissionError) as caught:
        check_submission(many, names)
    text = str(caught.value)
    assert text.startswith("4 fault(s) in the submission: 9 rows, the label file has 3; 3 name(s)")
    assert "9 name(s) are not in the label file: '0.jpg', '1.jpg', '2.jpg', ...;" in text
    assert "9 score(s) leave [0, 1]: '0.jpg', '1.jpg', '2.jpg', ..." in text


def test_the_summary_tells_submissions_apart(submission):
    summary = summarize_submission(submission)
    numbers = {"rows": 3, "min": 0.0, "mean": 1.25 / 3, "max": 1.0}
    assert {key: summary[key] for key in numbers} == pytest.approx(numbers)
    other = submission.assign(y_pred=[0.0, np.nextafter(0.25, 1), 1.0])
    assert summarize_submission(other)["sha256"] != summary["sha256"]
    assert summarize_submission(submission.copy())["sha256"] == summary["sha256"]
