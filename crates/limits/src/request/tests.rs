use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use panoply_core::CounterKeys;
use panoply_store_memory::MemoryStore;
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::*;
use crate::said::said;

#[test]
fn that_all_clients_are_counted_as_one_is_told_once() {
    let ask = |key: &'static str| {
        said(move || {
            let limit = LimitConfig::new(9, Duration::from_mins(1)).key([key]);
            let store = Arc::new(MemoryStore::default());
            let layer = LimitLayer::new([limit], store, CounterKeys::new([7; 16])).unwrap();
            for _ in 0..3 {
                let app = service_fn(async |_: Request<()>| {
                    Ok::<_, std::convert::Infallible>(Response::new(Bytes::new()))
                });
                let mut request = Request::new(());
                request.extensions_mut().insert(LimitedUser::new("ada"));
                let answer = layer.layer(app).oneshot(request);
                futures_executor::block_on(answer).unwrap();
            }
        })
    };
    let told = ask("client");
    assert_eq!(told.matches("no client address").count(), 1, "{told}");
    assert_eq!(ask("user"), "");
}
