"""Where an overhead comes from: ablation, profiles and counts."""
