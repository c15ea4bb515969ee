"""What a detector learnt from is read off its manifest and the user's own words."""

import pytest

from face_forgery.training.training_data import record_training_data


@pytest.mark.parametrize(
    ("sources", "said", "origins"),
    [
        (["drawn"] * 6, None, {"drawn": 6}),
        (["Drawn"] * 6, "photographed", {"drawn": 6}),
        (["drawn", "dfdc"] * 3, None, {"drawn": 3, "unknown": 3}),
        (["unknown"] * 6, None, {"unknown": 6}),
        (["unknown"] * 6, "photographed", {"photographed": 6}),
        (["unknown"] * 6, "drawn", {"drawn": 6}),
    ],
    ids=["demo", "demo, denied", "mixed", "nobody said", "photographs", "other drawings"],
)
def test_drawn_images_are_known_by_their_source_and_the_rest_by_what_the_user_says(
    make_faces, make_params, sources, said, origins
):
    manifest = make_faces(6).assign(source=sources).astype({"source": "string"})
    data = make_params(**{"data.root": "/sets/phase1/", "data.origin": said}).data
    card = record_training_data(manifest, data)
    assert card.origins == origins
    assert (card.name, card.num_real, card.num_fake, card.num_groups) == ("phase1", 3, 3, 6)
    assert card.kinds == {"red": 3}


def test_a_set_has_the_name_that_its_user_gives_it(make_faces, make_params):
    data = make_params(**{"data.name": "MultiFFDI"}).data
    assert record_training_data(make_faces(4), data).name == "MultiFFDI"
    for number, garbled in enumerate(
        ({"data.root": "a\x1b[31mb"}, {"data.name": "a\u3000[31mb\n"})
    ):
        faces = make_faces(4, name=str(number))
        assert record_training_data(faces, make_params(**garbled).data).name == "a[31mb"
