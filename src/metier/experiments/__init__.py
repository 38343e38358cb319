"""Many runs: seeds and their average, ablation, comparison, and what a recipe would do."""
