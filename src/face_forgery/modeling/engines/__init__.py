"""What computes the forward pass: torch, or OpenVINO on a CPU; the same scores in float32."""
