"""Why a picture got its score: heat maps, regions of the face, and views to check by eye."""
