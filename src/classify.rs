//! Labels, prompt templates and scores.
