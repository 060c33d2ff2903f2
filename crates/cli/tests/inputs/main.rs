//! Images and models from elsewhere than a file: standard input, http(s) addresses, the Hub. Messages that tell what
//! to do next.
mod hub;
mod images;
mod messages;
mod support;
