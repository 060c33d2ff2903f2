//! `cliplet batch` as a shell sees it: every format of input and output, against the figures of `classify` and `embed`;
//! rows that fail; runs that are killed, finished and updated; the filter.
mod filter;
mod finished;
mod folders;
mod forms;
mod parquet_files;
mod refusals;
mod resume;
mod rows;
mod support;
mod tables;
