//! Model files: GGUF and Hugging Face safetensors.
