//! What both directions share of HTTP/1.1: where bodies end, and bytes on their way out.

mod decoder;
mod queue;

pub(crate) use decoder::{Decoder, Extent, Malformed};
pub(crate) use queue::{Queue, field};
