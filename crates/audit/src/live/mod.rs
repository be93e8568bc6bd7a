//! What a running site answers.
