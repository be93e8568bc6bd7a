//! What reports have said so far, by directive and source: bounded, however many strangers write.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use panoply_core::{CounterKeys, Secret};
use serde::{Deserialize, Serialize};

use super::evidence::{CspEvidence, Sighting};
use super::parse::Report;
use super::witnesses::Witnesses;

/// Pairs of a directive and a source that are kept.
pub(super) const MOST_ENTRIES: usize = 500;

/// Pages that are kept of each.
pub(super) const MOST_PAGES: usize = 5;

/// Clients that are told apart for each.
pub(super) const MOST_CLIENTS: usize = 16;

/// Clients that are told apart in all.
const MOST_STRANGERS: usize = 4096;

/// What has not been seen for as long is forgotten.
const FORGOTTEN: Duration = Duration::from_hours(30 * 24);

/// What is kept in the state directory.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Book {
    /// Under which clients are hashed, so that the file names nobody.
    key: [u8; 16],
    /// In seconds since 1970, as all times here.
    since: u64,
    reports: u64,
    noise: u64,
    unkept: u64,
    clients: BTreeSet<u64>,
    entries: Vec<Entry>,
    /// Who has a part in how many entries; counted when places are short.
    #[serde(skip)]
    witnesses: Option<Witnesses>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    directive: String,
    source: String,
    pages: Vec<String>,
    /// Of each page who has reported it there, and how often.
    #[serde(default)]
    by_page: Vec<ByPage>,
    more_pages: bool,
    clients: BTreeSet<u64>,
    reports: u64,
    enforced: u64,
    first: u64,
    last: u64,
}

/// What was reported of one page.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ByPage {
    clients: BTreeSet<u64>,
    reports: u64,
}

impl Book {
    pub(super) fn new(now: SystemTime) -> Self {
        // Without random bytes clients are told apart all the same, only less secretly.
        let random = Secret::random().ok();
        let key = random.and_then(|random| random.expose().first_chunk().copied());
        Self {
            key: key.unwrap_or_default(),
            since: seconds(now),
            reports: 0,
            noise: 0,
            unkept: 0,
            clients: BTreeSet::new(),
            entries: Vec::new(),
            witnesses: None,
        }
    }

    pub(super) fn note(&mut self, report: &Report, client: Option<IpAddr>, now: SystemTime) {
        let now = seconds(now);
        self.reports = self.reports.saturating_add(1);
        if report.of_extension {
            self.noise = self.noise.saturating_add(1);
            return;
        }
        let client = client.map(|client| self.fingerprint(client));
        if self.clients.len() < MOST_STRANGERS {
            self.clients.extend(client);
        }
        let same = |entry: &&mut Entry| {
            entry.directive == report.directive && entry.source == report.blocked
        };
        let new = if let Some(entry) = self.entries.iter_mut().find(same) {
            entry.note(report, client, now)
        } else if self.make_room() {
            let mut entry = Entry {
                directive: report.directive.clone(),
                source: report.blocked.clone(),
                pages: Vec::new(),
                by_page: Vec::new(),
                more_pages: false,
                clients: BTreeSet::new(),
                reports: 0,
                enforced: 0,
                first: now,
                last: now,
            };
            let new = entry.note(report, client, now);
            self.entries.push(entry);
            new
        } else {
            self.unkept = self.unkept.saturating_add(1);
            None
        };
        if let (Some(witnesses), Some(client)) = (&mut self.witnesses, new) {
            witnesses.add(client);
        }
    }

    pub(super) const fn count(&self) -> u64 {
        self.reports
    }

    /// Forgets what is of old; says whether there was any.
    pub(super) fn expire(&mut self, now: SystemTime) -> bool {
        let before = self.entries.len();
        let oldest = seconds(now).saturating_sub(FORGOTTEN.as_secs());
        self.entries.retain(|entry| entry.last >= oldest);
        let changed = before != self.entries.len();
        if changed {
            self.witnesses = None;
        }
        changed
    }

    pub(super) fn evidence(&self) -> CspEvidence {
        let sighting = |entry: &Entry| Sighting {
            directive: entry.directive.clone(),
            source: entry.source.clone(),
            pages: entry.pages.clone(),
            by_page: {
                let told = |page: &ByPage| (page.clients.len(), page.reports);
                entry.by_page.iter().map(told).collect()
            },
            more_pages: entry.more_pages,
            clients: entry.clients.len(),
            more_clients: entry.clients.len() >= MOST_CLIENTS,
            reports: entry.reports,
            enforced: entry.enforced,
            first: entry.first,
            last: entry.last,
        };
        let mut sightings: Vec<_> = self.entries.iter().map(sighting).collect();
        sightings.sort_by(|a, b| {
            (&a.directive, b.reports, &a.source).cmp(&(&b.directive, a.reports, &b.source))
        });
        CspEvidence {
            since: self.since,
            reports: self.reports,
            clients: self.clients.len(),
            noise: self.noise,
            unkept: self.unkept,
            sightings,
        }
    }

    /// A place for one more: where there is none, that of what those have seen who report the most, and of
    /// such what is oldest. What several have seen stays, so that one alone cannot drive it out; unless they
    /// report so much that they would keep all others out.
    fn make_room(&mut self) -> bool {
        if self.entries.len() < MOST_ENTRIES {
            return true;
        }
        let clients = || self.entries.iter().map(|entry| &entry.clients);
        let witnesses = self
            .witnesses
            .get_or_insert_with(|| Witnesses::of(clients()));
        let weakest = self.entries.iter().enumerate().filter_map(|(at, entry)| {
            let hold = witnesses.hold(&entry.clients)?;
            Some((hold, entry.reports, entry.last, at))
        });
        let Some((.., at)) = weakest.min() else {
            return false;
        };
        let gone = self.entries.swap_remove(at);
        witnesses.remove(&gone.clients);
        true
    }

    fn fingerprint(&self, client: IpAddr) -> u64 {
        let octets = match client {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let key = CounterKeys::new(self.key).key("csp/client", &[&octets]);
        u64::try_from(key.to_bits() >> 64).unwrap_or_default()
    }
}

impl Entry {
    /// Adds a report; says whose, if it is the client's first of this.
    fn note(&mut self, report: &Report, client: Option<u64>, now: u64) -> Option<u64> {
        self.reports = self.reports.saturating_add(1);
        self.enforced = self.enforced.saturating_add(u64::from(report.enforced));
        self.last = self.last.max(now);
        let room = self.clients.len() < MOST_CLIENTS;
        let new = client.filter(|client| room && self.clients.insert(*client));
        self.note_page(report, client);
        new
    }

    fn note_page(&mut self, report: &Report, client: Option<u64>) {
        let known = self.pages.iter().position(|page| *page == report.page);
        let at = known.or_else(|| {
            let room = self.pages.len() < MOST_PAGES;
            self.more_pages |= !room;
            room.then(|| {
                self.pages.push(report.page.clone());
                self.pages.len() - 1
            })
        });
        let Some(at) = at else { return };
        // What an earlier version has kept says nothing of pages.
        self.by_page.resize_with(self.pages.len(), ByPage::default);
        if let Some(page) = self.by_page.get_mut(at) {
            page.reports = page.reports.saturating_add(1);
            if page.clients.len() < MOST_CLIENTS {
                page.clients.extend(client);
            }
        }
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(source: &str) -> Report {
        Report {
            page: "/p".to_owned(),
            directive: "img-src".to_owned(),
            blocked: source.to_owned(),
            enforced: false,
            of_extension: false,
        }
    }

    fn client(n: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, n])
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn who_saw_what_where_and_when() {
        let mut book = Book::new(at(100));
        book.note(&report("https://a.test"), Some(client(1)), at(110));
        book.note(&report("https://a.test"), Some(client(1)), at(120));
        let other = Report {
            page: "/q".to_owned(),
            enforced: true,
            ..report("https://a.test")
        };
        book.note(&other, Some(client(2)), at(130));
        let noise = Report {
            of_extension: true,
            ..report("chrome-extension")
        };
        book.note(&noise, Some(client(3)), at(140));
        let evidence = book.evidence();
        assert_eq!(
            (evidence.reports, evidence.noise, evidence.clients),
            (4, 1, 2)
        );
        let [seen] = &*evidence.sightings else {
            panic!("{evidence:?}")
        };
        assert_eq!(seen.pages, ["/p", "/q"]);
        assert_eq!(seen.by_page, [(1, 2), (1, 1)]);
        assert_eq!((seen.reports, seen.enforced, seen.clients), (3, 1, 2));
        assert_eq!((seen.first, seen.last), (110, 130));
        assert!(book.expire(at(131) + FORGOTTEN));
        assert_eq!(book.evidence().sightings, []);
    }

    #[test]
    fn a_flood_drives_out_nothing_that_several_have_seen() {
        let mut book = Book::new(at(0));
        for n in 0..2 {
            book.note(&report("https://genuine.test"), Some(client(n)), at(1));
        }
        for n in 0..3 * MOST_ENTRIES {
            book.note(
                &report(&format!("https://{n}.test")),
                Some(client(9)),
                at(2),
            );
        }
        let evidence = book.evidence();
        assert_eq!(evidence.sightings.len(), MOST_ENTRIES);
        let kept = |seen: &Sighting| seen.source == "https://genuine.test";
        assert!(evidence.sightings.iter().any(kept));
        // Pages, clients and the text of the whole are bounded too.
        for n in 0..200_u8 {
            for (entry, page) in [("https://genuine.test", n), ("https://x.test", n)] {
                let page = Report {
                    page: format!("/{}", "x".repeat(usize::from(page))),
                    ..report(entry)
                };
                book.note(&page, Some(client(n)), at(3));
            }
        }
        let text = serde_json::to_string(&book).unwrap();
        assert!(text.len() < 200_000, "{}", text.len());
        let seen = book.evidence().sightings;
        let seen = seen.iter().find(|seen| kept(seen)).unwrap();
        assert_eq!((seen.pages.len(), seen.clients), (MOST_PAGES, MOST_CLIENTS));
        assert!(seen.more_pages && seen.more_clients);
        assert!(!text.contains("10.0.0"), "no client is named");
    }

    #[test]
    fn two_that_report_everything_leave_room_for_what_others_see() {
        let mut book = Book::new(at(0));
        let flood = |book: &mut Book, round: usize| {
            for n in 0..MOST_ENTRIES {
                let fake = report(&format!("https://{round}-{n}.test"));
                for who in [1, 2] {
                    book.note(&fake, Some(client(who)), at(1));
                }
            }
        };
        flood(&mut book, 0);
        book.note(&report("https://genuine.test"), Some(client(3)), at(2));
        // It holds its place until somebody else sees it, and after that.
        flood(&mut book, 1);
        book.note(&report("https://genuine.test"), Some(client(4)), at(3));
        flood(&mut book, 2);
        let evidence = book.evidence();
        let genuine = |seen: &&Sighting| seen.source == "https://genuine.test";
        let kept = evidence.sightings.iter().find(genuine);
        assert_eq!(kept.map(|seen| seen.clients), Some(2));
        assert_eq!(evidence.sightings.len(), MOST_ENTRIES);
        // The same holds for what an earlier run has left.
        let text = serde_json::to_string(&book).unwrap();
        let mut book: Book = serde_json::from_str(&text).unwrap();
        flood(&mut book, 3);
        book.note(&report("https://late.test"), Some(client(5)), at(4));
        let sightings = book.evidence().sightings;
        assert!(sightings.iter().any(|seen| genuine(&seen)));
        assert!(sightings.iter().any(|seen| seen.source.contains("late")));
    }

    #[test]
    fn with_no_place_left_newcomers_are_only_counted() {
        let mut book = Book::new(at(0));
        for n in 0..MOST_ENTRIES {
            // Nobody reports more than their share.
            let pair = u8::try_from(n / 50 * 2).unwrap();
            for who in [pair, pair + 1] {
                book.note(
                    &report(&format!("https://{n}.test")),
                    Some(client(who)),
                    at(1),
                );
            }
        }
        book.note(&report("https://late.test"), Some(client(99)), at(2));
        let evidence = book.evidence();
        assert_eq!(evidence.unkept, 1);
        assert!(
            !evidence
                .sightings
                .iter()
                .any(|seen| seen.source.contains("late"))
        );
    }
}
