"""What computes the forward pass: torch, or OpenVINO on a CPU. Scores are the same."""
