"""Training small networks: backbone, heads with their losses, scores, pretraining and fine-tuning."""
