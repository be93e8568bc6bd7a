//! What is asked again because a nonce was refused: a directory may do so whenever it likes (RFC 8555 §6.5),
//! and instant-acme asks three times.

/// How often it is asked again.
pub(crate) const TIMES: usize = 3;

/// Asks again, as long as nothing but a nonce is refused. It is no function, since the future of one that
/// takes such a closure is not known to be `Send`.
macro_rules! retry {
    ($asked:expr) => {{
        let mut left = $crate::retry::TIMES;
        loop {
            match $asked.await {
                Err(error) if left > 0 && $crate::advice::is_bad_nonce(&error) => left -= 1,
                decided => break decided,
            }
        }
    }};
}

pub(crate) use retry;

#[cfg(test)]
mod tests {
    use instant_acme::Error;

    use super::*;

    fn refused(word: &str) -> Error {
        let problem = serde_json::json!({ "type": format!("urn:ietf:params:acme:error:{word}") });
        Error::Api(serde_json::from_value(problem).unwrap())
    }

    #[tokio::test]
    async fn a_nonce_that_is_refused_is_no_answer() {
        // Neither is it asked for ever, nor for anything else.
        for (word, refusals, times, answers) in [
            ("badNonce", TIMES, TIMES + 1, true),
            ("badNonce", usize::MAX, TIMES + 1, false),
            ("rateLimited", usize::MAX, 1, false),
        ] {
            let mut asked = 0;
            let mut ask = || {
                asked += 1;
                let answer = if asked <= refusals {
                    Err(refused(word))
                } else {
                    Ok(())
                };
                std::future::ready(answer)
            };
            let answer = retry!(ask());
            assert_eq!((asked, answer.is_ok()), (times, answers), "{word}");
        }
    }
}
