//! The way that a body's trailers take.

use std::sync::Arc;

use bytes::Bytes;
use http_body::Frame;

use super::{Trailers, permit};

/// Where the trailers of one message go.
#[derive(Debug, Clone, Default)]
pub(crate) enum Outlet {
    /// With the body, as HTTP/2 has them; hyper drops them where there is no place for them.
    #[default]
    Body,
    /// Past hyper, with the stream of this connection.
    Stream(Arc<Trailers>),
}

impl Outlet {
    /// What of `frame` goes on with the body; nothing when the body ends here instead.
    pub(crate) fn pass(&self, frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        let mut fields = match frame.into_trailers() {
            Ok(fields) => fields,
            Err(data) => return Some(data),
        };
        permit(&mut fields);
        match self {
            Self::Stream(trailers) => {
                trailers.put(&fields);
                None
            }
            Self::Body => (!fields.is_empty()).then(|| Frame::trailers(fields)),
        }
    }
}
