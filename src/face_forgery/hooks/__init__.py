"""What happens around a run: parameters checked, outputs locked, results tracked, console.

Nothing here computes a result, and no other package imports it.
"""
