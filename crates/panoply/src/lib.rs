#![doc = include_str!("../README.md")]

pub mod trace;

pub use panoply_core::SystemClock;
