"""PCA and t-SNE."""
