//! Quantized matrix products and the vector operations around them, on slices.
