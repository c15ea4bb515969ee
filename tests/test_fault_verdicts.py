"""The verdicts of `make faults`: each notices what it is there for."""

import re
from dataclasses import replace
from pathlib import Path

import pytest


@pytest.fixture
def verdicts(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    import fault_state

    return fault_state


@pytest.fixture
def end(verdicts):
    """What a run of three epochs and four images ends with."""
    history = [{"epoch": epoch, "val_auc": epoch / 10} for epoch in (1, 2, 3)]
    rows = ["img_name,y_pred,verdict", *(f"{name}.jpg,0.5,real" for name in "abcd")]
    weights = {1: "one", 2: "two", 3: "three"}
    return verdicts.Saved(3, 0, history, history, weights, [], rows)


@pytest.fixture
def half(end):
    """What a run that was struck within its third epoch, or behind its second image, leaves."""
    history = end.history[:2]
    return replace(
        end,
        epoch=2,
        batches=4,
        of_state=history,
        history=history,
        weights={1: "one", 2: "two"},
        begun=end.verdicts[:3],
        verdicts=[],
    )


def test_half_a_run_is_whole(verdicts, half, end):
    assert verdicts.check_whole(half, end, struck_name=None) == []
    assert verdicts.check_whole(end, end, struck_name=None) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"history": [{"epoch": 1, "val_auc": 0.1}] * 2}, "history of 2"),
        ({"of_state": [{"epoch": 1, "val_auc": 0.2}]}, "another history"),
        ({"weights": {1: "one", 2: "other"}}, r"weights of epochs \[1, 2\]"),
        ({"weights": {1: "one", 3: "three"}}, r"weights of epochs \[1, 3\]"),
        ({"weights": {1: "one"}}, "1 weights beside a history of 2"),
        ({"epoch": 0, "of_state": []}, "state of epoch 0 beside a history of 2"),
        ({"begun": ["img_name,y_pred,verdict", "a.jpg,0.5,fake"]}, "begun: 1 row"),
        ({"begun": ["img_name,y_pred,verdict", *["a.jpg,0.5,real"] * 2]}, "begun: 2 row"),
        ({"verdicts": ["img_name,y_pred,verdict", "a.jpg,0.5,real"]}, "verdicts: 1 row"),
    ],
)
def test_a_state_that_is_not_part_of_the_run_is_noticed(verdicts, half, end, changes, words):
    (problem,) = verdicts.check_whole(replace(half, **changes), end, struck_name=None)
    assert re.search(words, problem)


def test_only_the_image_that_was_struck_may_have_another_verdict(verdicts, half, end):
    struck = replace(half, begun=[end.verdicts[0], "a.jpg,,unsure", "b.jpg,0.5000000001,real"])
    assert verdicts.check_whole(struck, end, struck_name="a.jpg") == []
    assert len(verdicts.check_whole(struck, end, struck_name="b.jpg")) == 1
    moved = replace(half, begun=[end.verdicts[0], "a.jpg,,unsure", "b.jpg,0.501,real"])
    assert len(verdicts.check_whole(moved, end, struck_name="a.jpg")) == 1


def test_an_image_that_was_gone_before_the_folder_was_listed_has_no_verdict(verdicts, half, end):
    header, a, b, c, _ = end.verdicts
    done = replace(end, verdicts=[header, b, *end.verdicts[3:]])
    begun = replace(half, begun=[header, b, c])
    for left in (done, begun):
        assert verdicts.check_whole(left, end, struck_name="a.jpg") == []
        assert len(verdicts.check_whole(left, end, struck_name="b.jpg")) == 1
    fewer = replace(end, verdicts=[header, a, b])
    assert len(verdicts.check_whole(fewer, end, struck_name="a.jpg")) == 1


@pytest.mark.parametrize(
    ("changes", "said", "words"),
    [
        ({}, "Epoch 1: loss 1\nEpoch 3: loss 1", None),
        ({"batches": 3}, "", "went back"),
        ({}, "Epoch 4: loss 1", "epoch 4 was reported"),
        ({"begun": ["img_name,y_pred,verdict", "a.jpg,0.5,real"]}, "", "of 2 verdicts 1 are left"),
        ({"begun": [], "verdicts": ["the whole table"]}, "", None),
    ],
)
def test_what_was_there_before_the_strike_is_there_after_it(verdicts, half, changes, said, words):
    problems = verdicts.check_nothing_lost(half, replace(half, **changes), said)
    assert len(problems) == (words is not None)
    assert all(words in problem for problem in problems)


def test_a_whole_table_that_is_gone_is_noticed(verdicts, end):
    assert len(verdicts.check_nothing_lost(end, replace(end, verdicts=[]), "")) == 1


GOES_ON = "Continuing after epoch 2 and 4 batches of the next of 3.\nEpoch 3: loss 1"


@pytest.mark.parametrize(
    ("said", "num_problems"),
    [
        (GOES_ON, 0),
        ("starting at epoch 1\nEpoch 1: loss 1\nEpoch 2: loss 1\nEpoch 3: loss 1", 2),
        (f"{GOES_ON}\nEpoch 3: loss 1", 1),
        ("Epoch 3: loss 1", 1),
        ("Continuing after epoch 2 and 4 batches of the next of 3.", 1),
    ],
)
def test_an_epoch_that_is_trained_twice_or_not_at_all_is_noticed(
    verdicts, half, end, said, num_problems
):
    assert len(verdicts.check_continued("training", half, end, said)) == num_problems


@pytest.mark.parametrize(
    ("said", "num_problems"),
    [
        ("2 of 4 images are judged\njudging: 2 images in 1 s", 0),
        ("judging: 2 images in 1 s", 1),
        ("2 of 4 images are judged\njudging: 4 images in 1 s", 1),
        ("2 of 4 images are judged", 1),
    ],
)
def test_an_image_that_is_judged_twice_or_not_at_all_is_noticed(
    verdicts, half, end, said, num_problems
):
    assert len(verdicts.check_continued("inference", half, end, said)) == num_problems


def tracked(*metrics, models=1):
    return {"status": "FINISHED", "metrics": list(metrics), "models": models}


RECORDED = tuple(
    (key, epoch, value)
    for epoch in (1, 2, 3)
    for key, value in (("epoch", float(epoch)), ("val_auc", epoch / 10), ("seconds", 7.0))
)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (tracked(*RECORDED), None),
        (tracked(*RECORDED, ("val_auc", 2, 0.2)), "recorded twice"),
        (tracked(*RECORDED[:-1]), None),
        (tracked(*RECORDED[:-2]), "missing"),
        (tracked(*RECORDED, ("val_auc", 4, 0.4)), "not those of training"),
        (tracked(*RECORDED, models=2), "2 models"),
    ],
)
def test_a_number_that_is_tracked_twice_wrong_or_not_at_all_is_noticed(verdicts, end, run, words):
    problems = verdicts.check_run(run, end.history, whole=True)
    assert len(problems) == (words is not None)
    assert all(words in problem for problem in problems)


def test_a_part_that_holds_other_rows_than_its_name_says_is_an_error(verdicts, tmp_path):
    folder = tmp_path / f"{verdicts.VERDICTS}.begun"
    folder.mkdir(parents=True)
    (folder / "job-000000000000-000000000002-rows.csv").write_text("img_name\na.jpg\nb.jpg\n")
    (folder / "job-000000000003-000000000004-rows.csv").write_text("img_name\nd.jpg\n")
    assert verdicts.read_saved(tmp_path).num_begun == 2
    (folder / "job-000000000002-000000000003-rows.csv").write_text("img_name\n")
    with pytest.raises(ValueError, match=r"-000000000003-rows\.csv holds 0 rows"):
        verdicts.read_saved(tmp_path)
