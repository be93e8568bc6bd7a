//! Holds the audit against places of real apps that a person judged: tests/evaluation/places.txt.
//!
//! `evaluate FOLDER [APP]`, where FOLDER holds the unpacked packages that docs/audit-evaluation.md
//! names. It prints what was missed, what is wrong, what nobody has judged yet, and the sums.

#![expect(clippy::print_stdout, reason = "a tool for the terminal")]

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;

use panoply_audit::{Finding, Options, Place, Severity};

/// A judged place: app, places that all mean it, rule, verdict, why.
struct Judged<'a> {
    app: &'a str,
    places: Vec<&'a str>,
    rule: &'a str,
    verdict: &'a str,
    why: &'a str,
}

#[derive(Default)]
struct Sums {
    faults: usize,
    found: usize,
    right: usize,
    tripped: usize,
    unjudged: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let folder = args
        .next()
        .ok_or("say where the packages are: evaluate FOLDER [APP]")?;
    let only = args.next();
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/evaluation/places.txt");
    let list = std::fs::read_to_string(list)?;
    let judged: Vec<Judged<'_>> = list.lines().filter_map(judged).collect();
    let apps: BTreeSet<&str> = judged.iter().map(|judged| judged.app).collect();
    let mut sums = Sums::default();
    for app in apps {
        if only.as_ref().is_none_or(|only| only == app) {
            let judged = judged.iter().filter(|judged| judged.app == app);
            evaluate(
                &Path::new(&folder).join(app),
                &judged.collect::<Vec<_>>(),
                &mut sums,
            )?;
        }
    }
    println!("faults found      {} of {}", sums.found, sums.faults);
    println!("right but tripped {} of {}", sums.tripped, sums.right);
    println!("not judged        {}", sums.unjudged);
    Ok(())
}

fn judged(line: &str) -> Option<Judged<'_>> {
    let mut parts = line.splitn(5, '|');
    let mut next = || parts.next();
    let app = next()?;
    Some(Judged {
        app,
        places: next()?.split(',').collect(),
        rule: next()?,
        verdict: next()?,
        why: next()?,
    })
    .filter(|_| !app.starts_with('#'))
}

fn evaluate(dir: &Path, judged: &[&Judged<'_>], sums: &mut Sums) -> Result<(), Box<dyn Error>> {
    let report = panoply_audit::directory(dir, &Options::new().offline(true))?;
    let mut explained = vec![false; report.findings.len()];
    for judged in judged {
        let is_it = |finding: &Finding| {
            let same = judged.rule == "*" || judged.rule == finding.rule.id;
            same && judged.places.iter().any(|place| is_at(finding, place))
        };
        let mut hits = report.findings.iter().zip(&mut explained);
        let hit = hits.by_ref().fold(None, |hit, (finding, explained)| {
            let it = is_it(finding);
            *explained |= it;
            hit.or(it.then_some(finding))
        });
        let (place, rule, why) = (judged.places.join(","), judged.rule, judged.why);
        let app = judged.app;
        match (judged.verdict, hit) {
            ("F", Some(_)) => (sums.faults, sums.found) = (sums.faults + 1, sums.found + 1),
            ("F", None) => {
                sums.faults += 1;
                println!("missed {app} {place} {rule}: {why}");
            }
            ("R", Some(finding)) => {
                (sums.right, sums.tripped) = (sums.right + 1, sums.tripped + 1);
                let sure = finding.confidence.as_str();
                println!("wrong  {app} {place} {rule} ({sure}): {why}");
            }
            ("R", None) => sums.right += 1,
            _ => {}
        }
    }
    for (finding, explained) in report.findings.iter().zip(explained) {
        if !explained && finding.severity > Severity::Info {
            sums.unjudged += 1;
            let place = place(finding);
            let name = dir.file_name().unwrap_or_default().display();
            println!(
                "new    {name} {place} {}: {}",
                finding.rule.id, finding.message
            );
        }
    }
    Ok(())
}

fn place(finding: &Finding) -> String {
    match &finding.place {
        Place::Code(at) => format!("{}:{}", at.source().path(), at.position().0),
        _ => "-".to_owned(),
    }
}

fn is_at(finding: &Finding, wanted: &str) -> bool {
    let place = place(finding);
    let file = place.rsplit_once(':').map_or(&*place, |(file, _)| file);
    place == wanted || file == wanted
}
