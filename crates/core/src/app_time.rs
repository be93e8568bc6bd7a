//! How long an app that is asked for an answer takes for it.

use std::time::Duration;

/// What an answer has cost whoever waited for the app; in a response's extensions, for whoever records the exchange.
///
/// ```
/// use http::Response;
/// use panoply_core::AppTime;
/// use std::time::Duration;
///
/// let mut answer = Response::new(());
/// let time = AppTime::new(Some(Duration::from_millis(12)), None);
/// answer.extensions_mut().insert(time);
/// assert_eq!(answer.extensions().get::<AppTime>().unwrap().took, Some(Duration::from_millis(12)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppTime {
    /// From the request's last byte to the head of the answer, or until that was given up; from the request's
    /// first byte where the answer came before its last. Nothing if the app was never sent the request.
    pub took: Option<Duration>,
    /// How long the request waited for an app that was away, if it did.
    pub waited: Option<Duration>,
    /// The number of the instance that answered, or was asked last, of an app that has several.
    pub instance: Option<usize>,
    /// The number of the app, where there are several behind one gateway; 0 is the one that has what no other has.
    pub number: usize,
}

impl AppTime {
    /// Of an app that `took` so long, and was `waited` for before.
    pub const fn new(took: Option<Duration>, waited: Option<Duration>) -> Self {
        Self {
            took,
            waited,
            instance: None,
            number: 0,
        }
    }

    /// Of one of several instances, if there are.
    #[must_use]
    pub const fn of(mut self, instance: Option<usize>) -> Self {
        self.instance = instance;
        self
    }

    /// Of this one of several apps.
    #[must_use]
    pub const fn at(mut self, number: usize) -> Self {
        self.number = number;
        self
    }
}
