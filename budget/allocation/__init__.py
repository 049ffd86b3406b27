"""Allocation: what to buy, and the proof that no other purchase does better."""
