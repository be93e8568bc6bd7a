//! What a shell makes of `panoply completions`.

use super::support;

use std::process::Command;

use support::{Verdicts, panoply, text};

/// What bash offers for a line that begins so.
fn offered(line: &str) -> String {
    let script = format!(
        "source <(panoply completions bash)
        COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _panoply panoply \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"
        echo \"${{COMPREPLY[@]}}\""
    );
    let program = panoply().get_program().to_owned();
    let folder = std::path::Path::new(&program).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["--norc", "-c", &script])
        .env("PATH", path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout)
}

#[test]
fn bash_completes_commands_and_flags() {
    let mut wrong = Verdicts::default();
    for (line, offers) in [
        ("panoply ru", &["run"][..]),
        ("panoply blocks ''", &["list", "release", "add"]),
        ("panoply run --up", &["--upstream"]),
        ("panoply csp enforce --wi", &["--with", "--without"]),
    ] {
        let offered = offered(line);
        for word in offers {
            let has = offered.split_whitespace().any(|offer| offer == *word);
            wrong.check(has, || format!("{line}: {offered}"));
        }
    }
    wrong.settle();
}

#[test]
fn each_shell_has_its_own_and_the_one_in_use_is_known() {
    let mut wrong = Verdicts::default();
    for (shell, begins) in [("zsh", "#compdef panoply"), ("fish", "# Print an optspec")] {
        let named = panoply().args(["completions", shell]).output().unwrap();
        let said = text(&named.stdout);
        wrong.check(said.starts_with(begins), || format!("{shell}: {said:.80}"));
        let known = panoply()
            .arg("completions")
            .env("SHELL", format!("/usr/bin/{shell}"))
            .output()
            .unwrap();
        wrong.equal(shell, text(&known.stdout), said);
    }
    // Where it is installed, it is asked; elsewhere what it reads has to do.
    let fish = panoply().args(["completions", "fish"]).output().unwrap();
    let words = "-n \"__fish_panoply_using_subcommand completions\" -f -a \"bash elvish fish powershell zsh\"";
    wrong.check(text(&fish.stdout).contains(words), || {
        "fish: no shells".to_owned()
    });
    let unknown = panoply()
        .arg("completions")
        .env_remove("SHELL")
        .output()
        .unwrap();
    wrong.equal("no shell", unknown.status.code(), Some(2));
    let said = text(&unknown.stderr);
    wrong.check(said.contains("panoply completions bash"), || said.clone());
    wrong.settle();
}

#[test]
fn what_cannot_be_written_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.php"), "<?php\n").unwrap();
    let keys = folder.path().join("keys");
    let keys = keys.to_str().unwrap();
    let made = panoply().args(["keys", "rotate", "--file", keys]).output();
    assert!(made.unwrap().status.success());
    for arguments in [
        &["completions", "bash"][..],
        &["check"],
        &["keys", "list", "--file", keys],
        &["keys", "rotate", "--file", keys],
        &["password", "ada"],
        &["init", "--output", "-"],
        &["audit", "--rules"],
        &["audit", "--explain", "cookie/httponly-disabled"],
    ] {
        let full = std::fs::File::options().write(true).open("/dev/full");
        let mut command = panoply();
        command.args(arguments).stdout(full.unwrap());
        command.stdin(password());
        let output = command.current_dir(folder.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = text(&output.stderr);
        assert!(said.contains("cannot be written"), "{arguments:?}: {said}");
    }
}

#[test]
fn whoever_does_not_read_on_is_told_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["completions", "bash"][..],
        &["audit", "--rules"],
        &["password", "ada"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = panoply();
        command.args(arguments).stdout(writer).stdin(password());
        let output = command.current_dir(folder.path()).output().unwrap();
        let said = text(&output.stderr);
        assert!(
            output.status.success() && said.is_empty(),
            "{arguments:?}: {said}"
        );
    }
}

/// What `panoply password` reads.
fn password() -> std::fs::File {
    use std::io::{Seek as _, Write as _};
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"correct horse battery staple\n").unwrap();
    file.rewind().unwrap();
    file
}
