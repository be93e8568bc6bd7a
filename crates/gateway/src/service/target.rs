//! The apps that requests go to.

use std::rc::Rc;
use std::sync::Arc;

use http::Request;

use crate::config::{Affinity, AppOrigin};
use crate::proxy::{Pools, Reach, Upstream};
use crate::settings::{Live, Manner, Routed, Stripped};
use crate::shared::Shared;

/// All of them.
#[derive(Debug)]
pub(super) struct Targets {
    /// The one that has what no other has.
    pub(super) main: Target,
    /// The others, in the order of their routes.
    others: Box<[Target]>,
    /// Which of them a request is for.
    routed: Arc<Routed>,
}

impl Targets {
    pub(super) fn new(
        shared: &Arc<Shared>,
        live: &Live,
        (pools, routed): (&Rc<Pools>, &[Rc<Pools>]),
    ) -> Self {
        let others = routed.iter().zip(&live.routed.manners);
        let others = others.map(|(pools, routed)| {
            let how = (&routed.manner, routed.stripped.as_ref());
            Target::new(shared, live, pools, how)
        });
        Self {
            main: Target::new(shared, live, pools, (&live.app, None)),
            others: others.collect(),
            routed: Arc::clone(&live.routed),
        }
    }

    /// The number of the one that a request is for.
    pub(super) fn find<B>(&self, request: &Request<B>) -> usize {
        if self.others.is_empty() {
            return 0;
        }
        self.routed.routes.find(request)
    }

    /// The one of this number.
    pub(super) fn get(&self, number: usize) -> &Target {
        let other = number.checked_sub(1);
        let other = other.and_then(|number| self.others.get(number));
        other.unwrap_or(&self.main)
    }
}

/// An app that requests go to.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) pools: Rc<Pools>,
    pub(super) upstream: Upstream,
    /// Which of several instances a client comes to.
    pub(super) affinity: Affinity,
    /// Whether it is told its own origin by HTTP.
    pub(super) tells_http: bool,
    /// What it is not told of the paths that it is asked for.
    pub(super) stripped: Option<Stripped>,
}

impl Target {
    fn new(
        shared: &Arc<Shared>,
        live: &Live,
        pools: &Rc<Pools>,
        (manner, stripped): (&Manner, Option<&Stripped>),
    ) -> Self {
        let reach = Reach::new(Arc::clone(shared), Rc::clone(pools), manner.patience);
        Self {
            upstream: Upstream {
                times: live.times,
                by_path: !live.path_limits.is_empty(),
                h2c: manner.h2c,
                host: manner.host.clone(),
                placeholder: live.placeholder.as_deref().map(Rc::from),
                headers: live.suit.headers().clone(),
                reach,
            },
            affinity: if pools.are_several() {
                manner.affinity
            } else {
                Affinity::None
            },
            tells_http: manner.origin == AppOrigin::Http,
            pools: Rc::clone(pools),
            stripped: stripped.cloned(),
        }
    }
}
