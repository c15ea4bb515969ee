"""Why an image got its score: heat maps, regions of the face, and views to check by eye."""
