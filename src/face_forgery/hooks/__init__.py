"""What happens around a run: parameter checks and tracking."""
