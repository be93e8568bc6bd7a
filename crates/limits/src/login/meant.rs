//! Which logins a request is.

use http::Request;
use http_body::Body;
use panoply_core::HostName;
use smallvec::SmallVec;

use super::layer::{Login, LoginLayer};
use super::route::{Fit, Known};
use crate::access::paths_meant;
use crate::names::{Hosts, says_nothing};

/// A login that a request is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meant<'a> {
    pub(super) login: &'a Login,
    pub(super) known: Known,
    /// Whether no other app can be the one that answers, by whom is asked, and for what.
    pub(super) is_certain: bool,
}

impl<'a> Meant<'a> {
    fn new(login: &'a Login, known: Known) -> Self {
        Self {
            login,
            known,
            is_certain: !known.is_doubtful,
        }
    }
}

/// Those that a request is.
pub(super) type AllMeant<'a> = SmallVec<[Meant<'a>; 1]>;

impl LoginLayer {
    /// The logins that a request is: as a rule none, or one.
    pub(super) fn logins<B: Body>(&self, request: &Request<B>) -> AllMeant<'_> {
        let known = |login| {
            let known = Login::route(login).known_by(request)?;
            Some(Meant::new(login, known))
        };
        let mut found: AllMeant<'_> = self.0.iter().filter_map(known).collect();
        if !self.0.is_empty() {
            for path in paths_meant(request) {
                let known = |login| {
                    let known = Login::route(login).known_at(request, &path)?;
                    Some(Meant::new(login, known))
                };
                found.extend(self.0.iter().filter_map(known));
            }
        }
        let by_name = |one: &Meant<'_>| one.login.names().is_some() || one.login.elsewhere;
        if found.iter().any(by_name) {
            self.of_names(&found, &Hosts::of(request))
        } else if found.len() > 1 {
            let numbers = best(&found, &|_| true).into_iter().flatten();
            only(&found, &numbers.collect::<Numbers>())
        } else {
            found
        }
    }

    /// Of those that fit by their paths the ones that are meant by some name that is asked for.
    fn of_names<'a, B>(&self, found: &[Meant<'a>], hosts: &Hosts<'_, B>) -> AllMeant<'a> {
        let mut left = only(found, &self.numbers(found, hosts));
        let one = hosts
            .named()
            .first()
            .filter(|host| hosts.are_one() && (!says_nothing(host) || self.speaks_of(host)));
        for meant in &mut left {
            let is_meant = |host| meant.login.names().is_none() || meant.login.has(host);
            meant.is_certain &= one.is_some_and(is_meant);
        }
        left
    }

    /// Whether some login is for that name among others.
    fn speaks_of(&self, host: &HostName) -> bool {
        self.0.iter().any(|login| login.has(host))
    }

    fn numbers<B>(&self, found: &[Meant<'_>], hosts: &Hosts<'_, B>) -> Numbers {
        let speaks = |host: &HostName| self.speaks_of(host);
        let is_general = |login: &Login| login.names().is_none();
        // As of limits, an address says nothing, unless it is named.
        let named = hosts.named().iter();
        let named: SmallVec<[&HostName; 2]> = named
            .filter(|host| !says_nothing(host) || speaks(host))
            .collect();
        let mut meant = Numbers::new();
        for host in &named {
            let general = |one: &Login| is_general(one) && !(one.elsewhere && speaks(host));
            // The name in so many words says more than a wildcard, wherever it is written.
            let [first, second] = [2, 1].map(|fit| best(found, &|one| one.fit(host) == Some(fit)));
            let last = best(found, &general);
            for one in 0..2 {
                let one = |of: &[Option<usize>; 2]| of.get(one).copied().flatten();
                let mut fit = None;
                for number in [&first, &second, &last].into_iter().filter_map(one) {
                    let other = found.get(number).map(|one| one.known.fit);
                    // What only begins so may be none at all.
                    if is_partly(fit) && (fit.is_none() || !is_partly(other)) {
                        fit = other;
                        meant.push(number);
                    }
                }
            }
        }
        if named.is_empty() {
            let all = found.iter().enumerate();
            let by_name = all.filter(|(_, one)| !is_general(one.login));
            meant.extend(by_name.map(|(number, _)| number));
            meant.extend(best(found, &is_general).into_iter().flatten());
        }
        meant
    }
}

type Numbers = SmallVec<[usize; 4]>;

const fn is_partly(fit: Option<Fit>) -> bool {
    matches!(fit, None | Some(Fit::Partly(_)))
}

/// The number of the one that fits best, the first of those that are alike: by the path as every app reads it, and as
/// some do.
fn best(found: &[Meant<'_>], fits: &dyn Fn(&Login) -> bool) -> [Option<usize>; 2] {
    [false, true].map(|is_doubtful| {
        let all = found.iter().enumerate().rev();
        let all = all.filter(|(_, one)| one.known.is_doubtful == is_doubtful && fits(one.login));
        let best = all.max_by_key(|(_, one)| one.known.fit);
        best.map(|(number, _)| number)
    })
}

/// Those of these numbers, each login once.
fn only<'a>(found: &[Meant<'a>], numbers: &[usize]) -> AllMeant<'a> {
    let mut left = AllMeant::new();
    let of = |is_doubtful: bool| {
        let all = found.iter().enumerate();
        all.filter(move |(_, one)| one.known.is_doubtful == is_doubtful)
    };
    for (number, one) in of(false).chain(of(true)) {
        let is_there = |other: &Meant<'_>| std::ptr::eq(other.login, one.login);
        if numbers.contains(&number) && !left.iter().any(is_there) {
            left.push(*one);
        }
    }
    // Which of them it was that an answer tells of nobody can say.
    let is_one = left.len() == 1;
    for one in &mut left {
        one.is_certain &= is_one;
    }
    left
}
