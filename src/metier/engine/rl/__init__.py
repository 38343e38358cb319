"""Reinforcement learning: sampling, rollouts, rewards."""
