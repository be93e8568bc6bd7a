//! Behind the framing check, hyper reads the messages that the strictest reader of RFC 9112 reads.
#![no_main]

#[path = "framing/model.rs"]
mod model;
#[path = "framing/server.rs"]
mod server;

use libfuzzer_sys::fuzz_target;
use model::{End, Model};
use panoply_gateway::fuzzing::{Place, follow};

fuzz_target!(|input: (&[u8], u8)| {
    let (bytes, step) = input;
    // However the bytes come, the verdict is the same.
    let verdict = follow([bytes]);
    let step = usize::from(step).max(1);
    assert_eq!(verdict, follow(bytes.chunks(step)), "in pieces of {step}");
    assert_eq!(verdict, follow(bytes.chunks(1)), "byte by byte");

    let model = Model::read(bytes);
    match (verdict, model.end) {
        (Ok(place), End::Between) => assert_eq!(place, Place::Outside),
        (Ok(place), End::Head) => assert!(matches!(place, Place::Head | Place::Outside)),
        (Ok(place), End::Body) => assert_eq!(place, Place::Body),
        // What hyper refuses the check need not.
        (Ok(_), End::Malformed) => {}
        (Err((at, rule)), End::Malformed) => {
            assert!(
                at >= model.length,
                "{rule} in a message that is well-formed"
            );
        }
        // A form may be refused before its line or head has ended for the model.
        (Err((at, _)), End::Head) => assert!(at >= model.length),
        (Err((_, rule)), End::Between | End::Body) => panic!("{rule} in what is well-formed"),
    }

    let read = server::read(bytes, step);
    assert!(
        read.len() <= model.bodies.len(),
        "hyper read {read:?}, the model {model:?}"
    );
    for (read, wanted) in read.iter().zip(&model.bodies) {
        assert_eq!(read, wanted);
    }
});
