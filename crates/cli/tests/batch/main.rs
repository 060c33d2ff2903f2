//! `cliplet batch` as a shell sees it: every kind of input and output, against the figures that
//! `classify` and `embed` give; rows that fail; runs that are killed; the filter.
mod filter;
mod forms;
mod parquet_files;
mod refusals;
mod resume;
mod rows;
mod support;
