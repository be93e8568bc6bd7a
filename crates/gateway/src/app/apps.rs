//! All apps behind the gateway.

use std::sync::Arc;

use super::instance::Instance;
use super::standing::Standing;
use crate::handover::AppShort;
use crate::metrics::Metrics;

/// How all apps stand: that of `[app]`, which has what no other has, and those of `[[route]]`.
#[derive(Debug)]
pub(crate) struct Apps {
    main: Arc<Standing>,
    routed: Box<[Arc<Standing>]>,
}

impl Apps {
    /// One of so many instances, and those of routes, each with its name and its instances.
    pub(crate) fn new<'a>(
        metrics: &Metrics,
        instances: usize,
        routed: impl IntoIterator<Item = (&'a Arc<str>, usize)>,
    ) -> Self {
        let standing = |number, name: &Arc<str>, instances| {
            Arc::new(Standing::new(metrics, number, name, instances))
        };
        let routed = routed.into_iter().zip(1..);
        Self {
            main: standing(0, &Arc::from(""), instances),
            routed: { routed }
                .map(|((name, instances), number)| standing(number, name, instances))
                .collect(),
        }
    }

    /// The one that has what no other has.
    pub(crate) const fn main(&self) -> &Arc<Standing> {
        &self.main
    }

    /// Those of routes, in their order.
    pub(crate) fn routed(&self) -> &[Arc<Standing>] {
        &self.routed
    }

    /// All of them, the main one first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Standing>> {
        std::iter::once(&self.main).chain(&self.routed)
    }

    /// The gateway before this one had to do without this of some.
    pub(crate) fn were_short(&self, all: &[AppShort]) {
        for app in self.iter() {
            let of_it = |short: &&AppShort| *short.app == **app.name();
            if let Some(short) = all.iter().find(of_it) {
                app.was_short(short.clone());
            }
        }
    }

    /// What they are called, by their numbers, where there are several.
    pub(crate) fn labels(&self) -> Box<[Box<str>]> {
        if self.routed.is_empty() {
            return Box::default();
        }
        self.iter().map(|app| app.label().into()).collect()
    }

    /// The instances of all of them.
    pub(crate) fn instances(&self) -> impl Iterator<Item = &Instance> {
        self.iter().flat_map(|app| app.instances())
    }
}
