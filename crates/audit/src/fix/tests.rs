use super::*;
use crate::finding::Finding;
use crate::rules;
use crate::source::Location;

/// An app in a folder, its text as it is audited, and a report that offers these edits.
fn app(text: &str, edits: &[&[(Range, &str)]]) -> (tempfile::TempDir, Report) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("app.js"), text).unwrap();
    let source = Source::new("app.js", text.trim_start_matches('\u{feff}'));
    let mut report = Report::new(dir.path().display().to_string());
    for edits in edits {
        let edits = edits
            .iter()
            .map(|((start, end), put)| Edit::new(Location::new(&source, *start..*end), *put));
        let place = Place::Code(Location::new(&source, 0..1));
        let finding = Finding::new(&rules::fingerprint::X_POWERED_BY, place, "x");
        report.push(finding.fix(Fix::new("do it", edits.collect())));
    }
    (dir, report)
}

type Range = (usize, usize);

fn read(dir: &tempfile::TempDir) -> String {
    fs::read_to_string(dir.path().join("app.js")).unwrap()
}

#[test]
fn edits_are_written_and_shown() {
    let text = "const app = express();\nuse(session({ secret: 'keyboard cat' }));\n";
    let (dir, mut report) = app(
        text,
        &[
            &[((22, 22), "\napp.disable('x');")],
            &[((36, 36), " name: 'id',")],
        ],
    );
    let source = Source::new("app.js", text);
    let secret = Place::Code(Location::new(&source, 37..59));
    report.push(Finding::new(&rules::secrets::HARDCODED, secret, "x"));
    let patches = Patch::all(&report);
    assert_eq!(patches.len(), 1);
    let change = patches[0].apply(&report).unwrap();
    assert_eq!(
        read(&dir),
        "const app = express();\napp.disable('x');\n\
         use(session({ name: 'id', secret: 'keyboard cat' }));\n"
    );
    assert_eq!(
        change.diff,
        "@@ line 1 @@\n const app = express();\n+app.disable('x');\n\
         @@ line 2 @@\n-use(session({ secret: '*****' }));\n\
         +use(session({ name: 'id', secret: '*****' }));\n"
    );
    assert_eq!(change.titles, ["do it", "do it"]);
}

#[test]
fn a_file_that_has_changed_is_left_alone() {
    let (dir, report) = app("a();\n", &[&[((0, 0), "b();\n")]]);
    fs::write(dir.path().join("app.js"), "a() ;\n").unwrap();
    let error = Patch::all(&report)[0].apply(&report).unwrap_err();
    assert!(matches!(error, NotFixed::Changed { .. }), "{error}");
    assert_eq!(read(&dir), "a() ;\n");
    // So the same patch twice writes once.
    let (dir, report) = app("a();\n", &[&[((0, 0), "b();\n")]]);
    let patch = &Patch::all(&report)[0];
    patch.apply(&report).unwrap();
    assert!(patch.apply(&report).is_err());
    assert_eq!(read(&dir), "b();\na();\n");
}

#[test]
fn of_edits_that_overlap_the_first_is_taken() {
    for second in [(2, 4), (0, 3), (3, 3), (1, 1)] {
        let (dir, report) = app("abcdef", &[&[((1, 3), "X")], &[(second, "Y")]]);
        Patch::all(&report)[0].apply(&report).unwrap();
        assert_eq!(read(&dir), "aXdef", "{second:?}");
    }
    let (dir, report) = app("abcdef", &[&[((1, 3), "X")], &[((3, 4), "Y")]]);
    Patch::all(&report)[0].apply(&report).unwrap();
    assert_eq!(read(&dir), "aXYef");
    // One that overlaps itself, or the same twice.
    let (_dir, report) = app("abcdef", &[&[((1, 3), "X"), ((2, 4), "Y")]]);
    assert!(Patch::all(&report).is_empty());
    let (dir, report) = app("abcdef", &[&[((1, 3), "X")], &[((1, 3), "X")]]);
    Patch::all(&report)[0].apply(&report).unwrap();
    assert_eq!(read(&dir), "aXdef");
}

#[test]
fn the_file_keeps_its_mark_and_its_line_ends() {
    let (dir, report) = app("\u{feff}a();\r\nb();\r\n", &[&[((6, 6), "c();\n")]]);
    Patch::all(&report)[0].apply(&report).unwrap();
    assert_eq!(read(&dir), "\u{feff}a();\r\nc();\r\nb();\r\n");
}
