"""What we measure: the catalogue of views and the kernels behind it."""
