//! What is counted of each app.

use metrics::{Counter, Gauge, Key, Label, Recorder as _};

use super::{META, Metrics};

/// How many instances an app has and how many of them are up, and how often one has ended.
pub(crate) struct AppGauges {
    up: Gauge,
    instances: Gauge,
    instances_up: Gauge,
    ended: Counter,
}

impl std::fmt::Debug for AppGauges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AppGauges")
    }
}

impl Metrics {
    /// Those of the app of this name; without one, of the app that has what no other has.
    pub(crate) fn app(&self, name: &str) -> AppGauges {
        let labels = || match name {
            "" => Vec::new(),
            name => vec![Label::new("app", name.to_owned())],
        };
        let gauge = |key: &'static str| {
            self.recorder
                .register_gauge(&Key::from_parts(key, labels()), &META)
        };
        AppGauges {
            up: gauge("panoply_app_up"),
            instances: gauge("panoply_app_instances"),
            instances_up: gauge("panoply_app_instances_up"),
            ended: self
                .recorder
                .register_counter(&Key::from_parts("panoply_app_ended_total", labels()), &META),
        }
    }
}

impl AppGauges {
    /// How many instances are up.
    pub(crate) fn are_up(&self, up: u32) {
        self.up.set(if up > 0 { 1.0 } else { 0.0 });
        self.instances_up.set(f64::from(up));
    }

    /// How many instances the app is to have.
    pub(crate) fn are_to_be(&self, all: usize) {
        self.instances
            .set(u32::try_from(all).map_or(f64::MAX, f64::from));
    }

    pub(crate) fn has_ended(&self) {
        self.ended.increment(1);
    }
}
