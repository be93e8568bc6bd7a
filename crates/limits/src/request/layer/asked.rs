//! Which limits a request falls under, however its app reads the path.

use std::borrow::Cow;

use http::{Method, Request};
use panoply_core::PathIndex;

use super::{Asked, Counted, LimitLayer, without_root};
use crate::login::{behind_program, canonical, without_steps};
use crate::names::Hosts;
use crate::original::original;
use crate::request::key::key;
use crate::request::preflight::is_preflight;

impl LimitLayer {
    /// The limits of a request, each with the key under which it is counted there.
    pub(in crate::request) fn asked<B>(&self, request: &Request<B>) -> Asked {
        let mut asked = Asked::new();
        if self.0.limits.is_empty() {
            return asked;
        }
        let (uri, whole) = (request.uri(), original(request.extensions(), request.uri()));
        let path = canonical(whole.path());
        let preflight = is_preflight(request);
        let hosts = Hosts::of(request);
        let mut count = |number: usize, is_whole: bool| {
            if let Some(limit) = self.0.limits.get(number)
                && limit.covers(request.method(), is_whole)
                && hosts.may_mean(limit.names.as_ref())
                && !limit.spares(request)
                && !asked.iter().any(|asked| asked.number == number)
            {
                // One that names OPTIONS means them.
                let preflight = preflight && limit.methods.is_empty();
                let rule = limit.rule(preflight);
                asked.push(Counted {
                    number,
                    key: key(self, (limit, rule), request, &path),
                    preflight,
                });
            }
        };
        let (index, method) = (&self.0.index, request.method());
        let paths = || self.0.limits.iter().map(|limit| &*limit.path);
        above(index, paths(), (method, whole.path(), &path), &mut count);
        // Within a router that is nested a limit is for a path as it stands there, or as the client wrote it.
        if whole.path() != uri.path() {
            let cut = canonical(uri.path());
            above(index, paths(), (method, uri.path(), &cut), &mut count);
        }
        asked.sort_unstable_by_key(|asked| asked.number);
        asked
    }
}

/// Tells `count` of each of `paths`, which are in the `index`, that this is to some app, or below which it lies; `path` is
/// what was `written` in its canonical form.
pub(crate) fn above<'a>(
    index: &PathIndex,
    paths: impl Iterator<Item = &'a str>,
    (method, written, path): (&Method, &str, &Cow<'_, str>),
    count: &mut impl FnMut(usize, bool),
) {
    for (number, whole) in index.above(without_root(path)) {
        count(number, whole);
    }
    // It is left as it was written where that is canonical.
    if matches!(path, Cow::Borrowed(_)) && !path.contains('.') {
        return;
    }
    if let Some(behind) = behind_program(path) {
        for (number, whole) in index.above(without_root(behind)) {
            count(number, whole);
        }
    }
    // Frameworks take any format behind a name. What is read may be a file that is called so.
    if !matches!(*method, Method::GET | Method::HEAD)
        && let Some(bare) = without_format(path)
    {
        let same = index.above(bare).filter(|(_, whole)| *whole);
        same.for_each(|(number, whole)| count(number, whole));
    }
    let all = without_steps(written);
    if all != *path {
        // Some apps take such steps, some a part of them, and some take `..%2f` for a name.
        for (number, own) in paths.enumerate() {
            if is_left_of(own, &all) {
                count(number, true);
            }
        }
    }
}

/// A path without what stands behind the first point of its last segment.
fn without_format(path: &str) -> Option<&str> {
    let name = path.rfind('/')? + 1;
    let point = path.get(name..)?.find('.').filter(|at| *at > 0)?;
    path.get(..name + point)
}

/// Whether leaving some of the segments of `path` out makes `own`, or what lies below it: whatever steps an app
/// takes, it does no more.
fn is_left_of(own: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    own.split('/')
        .filter(|own| !own.is_empty())
        .all(|own| segments.any(|segment| segment == own))
}
