//! Which limits a request falls under, however its app reads the path.

use std::borrow::Cow;

use http::{Method, Request};
use panoply_core::PathIndex;
use panoply_core::spelling::{canonical, in_latin, loosely, without_steps};

use super::{Asked, Counted, Key, LimitLayer, without_root};
use crate::access::paths_meant;
use crate::login::behind_program;
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
        let mut count = |number: usize, is_whole: bool, (written, path): (&str, &str)| {
            let of_it = |asked: &Counted| asked.number == number;
            if let Some(limit) = self.0.limits.get(number)
                && limit.covers(request, is_whole)
                && hosts.may_mean(limit.names.as_ref())
                && !limit.spares(request)
                && (!asked.iter().any(of_it) || limit.keys.contains(&Key::Path))
            {
                // One that names OPTIONS means them.
                let preflight = preflight && limit.methods.is_empty();
                let rule = limit.rule(preflight);
                // Under one key, whatever else Windows reads as that path.
                let by_path = limit.keys.contains(&Key::Path);
                let other = by_path.then(|| otherwise(written, path)).flatten();
                let path = other.as_deref().unwrap_or(path);
                let key = key(self, (limit, rule), request, path);
                // Another path that is meant counts by itself, where paths are told apart.
                if !asked.iter().any(|one| of_it(one) && one.key == key) {
                    asked.push(Counted {
                        number,
                        key,
                        preflight,
                    });
                }
            }
        };
        let (index, method) = (&self.0.index, request.method());
        let paths = || self.0.limits.iter().map(|limit| &*limit.path);
        let asks = (method, whole.path(), &path);
        let own = (whole.path(), &*path);
        above(index, paths, asks, &mut |number, is| count(number, is, own));
        // Within a router that is nested a limit is for a path as it stands there, or as the client wrote it.
        if whole.path() != uri.path() {
            let cut = canonical(uri.path());
            let asks = (method, uri.path(), &cut);
            above(index, paths, asks, &mut |number, is| count(number, is, own));
        }
        // Some apps take another path than the one that was asked for, where a header says so.
        for meant in paths_meant(request) {
            let path = canonical(&meant);
            let asks = (method, &*meant, &path);
            let own = (&*meant, &*path);
            above(index, paths, asks, &mut |number, is| count(number, is, own));
        }
        asked.sort_unstable_by_key(|asked| asked.number);
        asked
    }
}

/// Tells `count` of each of `paths`, which are in the `index`, that this is to some app, or below which it lies; `path` is
/// what was `written` in its canonical form.
pub(crate) fn above<'a, P: Iterator<Item = &'a str>>(
    index: &PathIndex,
    paths: impl Fn() -> P,
    asks: (&Method, &str, &Cow<'_, str>),
    count: &mut impl FnMut(usize, bool),
) {
    in_utf8(index, &paths, asks, count);
    let (method, written, _) = asks;
    if let Some(latin) = in_latin(written) {
        in_utf8(index, &paths, (method, &latin, &canonical(&latin)), count);
    }
}

fn in_utf8<'a, P: Iterator<Item = &'a str>>(
    index: &PathIndex,
    paths: &impl Fn() -> P,
    (method, written, path): (&Method, &str, &Cow<'_, str>),
    count: &mut impl FnMut(usize, bool),
) {
    for (number, whole) in index.above(without_root(path)) {
        count(number, whole);
    }
    // It is left as it was written where that is canonical.
    let is_plain = matches!(path, Cow::Borrowed(_));
    if is_plain && !path.contains('.') {
        return;
    }
    but_for_its_end(index, method, path, count);
    if is_plain {
        return;
    }
    // To Windows it may be another.
    let loose = loosely(written, path, true);
    for loose in &loose {
        for (number, whole) in index.above(without_root(loose)) {
            count(number, whole);
        }
        but_for_its_end(index, method, loose, count);
    }
    let all = without_steps(written);
    let loose_all = loosely(written, &all, false);
    for all in std::iter::once(&*all).chain(loose_all.iter().map(String::as_str)) {
        if all == path || loose.iter().any(|loose| loose == all) {
            continue;
        }
        // Some apps take such steps, some a part of them, and some take `..%2f` for a name.
        for (number, own) in paths().enumerate() {
            if is_left_of(own, all) {
                count(number, true);
            }
        }
    }
}

/// What servers of Windows make of a path, where that is not its canonical form, `known`.
fn otherwise(written: &str, known: &str) -> Option<String> {
    match in_latin(written) {
        Some(latin) => {
            let known = canonical(&latin);
            let loose = loosely(&latin, &known, true).into_iter().next();
            loose.or_else(|| Some(known.into_owned()))
        }
        None => loosely(written, known, true).into_iter().next(),
    }
}

/// The same of what a path, in its canonical form, is but for what stands behind a program in it, or for its format.
fn but_for_its_end(
    index: &PathIndex,
    method: &Method,
    path: &str,
    count: &mut impl FnMut(usize, bool),
) {
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
