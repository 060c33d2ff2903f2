//! PyTorch's container of weights (`pytorch_model.bin`): a zip archive of one pickle, which lists tensors, and of
//! their values.
//!
//! A pickle is a program for a stack machine that may call any Python function. [`unpickle`] runs the instructions
//! that build a dictionary of tensors and treats every call as data; nothing is executed. candle has a reader of
//! such files too, which panics on malformed ones.

mod file;
mod state_dict;
mod unpickle;

pub use file::PytorchFile;
