"""What is wrong with a set: ways to the label that do not lead through the face, and leaks."""
