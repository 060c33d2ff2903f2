//! CLIP on candle tensors.
