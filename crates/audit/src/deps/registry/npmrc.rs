//! Which registry the person's own npm uses, and what it shows there.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// npm's own.
const DEFAULT: &str = "https://registry.npmjs.org/";
/// No `.npmrc` is longer.
const MAX_BYTES: u64 = 1 << 20;

/// A registry, and how to show who asks.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Registry {
    /// With a slash at the end.
    pub(crate) url: String,
    /// The value of `Authorization`.
    pub(crate) authorization: Option<String>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// What surrounds the program: variables, and files beside the project's own.
pub(crate) struct Surroundings<'a> {
    pub(crate) variable: &'a dyn Fn(&str) -> Option<String>,
    /// Files of the person and of the machine, the one that counts first.
    pub(crate) files: Vec<PathBuf>,
}

impl Surroundings<'static> {
    /// Those of this process.
    pub(crate) fn of_process() -> Self {
        let variable = &|name: &str| env::var(name).ok();
        let named = ["NPM_CONFIG_USERCONFIG", "npm_config_userconfig"]
            .iter()
            .find_map(env::var_os);
        let home = || env::home_dir().map(|home| home.join(".npmrc"));
        let user = named.map(PathBuf::from).or_else(home);
        let global = env::var_os("NPM_CONFIG_GLOBALCONFIG").map(PathBuf::from);
        let usual = ["/usr/local/etc/npmrc", "/usr/etc/npmrc", "/etc/npmrc"];
        let global = global.map_or_else(
            || usual.iter().map(PathBuf::from).collect(),
            |file| vec![file],
        );
        Self {
            variable,
            files: user.into_iter().chain(global).collect(),
        }
    }
}

impl Registry {
    /// By npm's order: environment, project, person, machine.
    pub(crate) fn find(project: &Path, around: &Surroundings<'_>) -> Self {
        let from_variable = ["npm_config_registry", "NPM_CONFIG_REGISTRY"];
        let from_variable = from_variable
            .iter()
            .find_map(|name| (around.variable)(name));
        // A project's file may not take variables: it came with code that is only being looked at, and
        // could send any of them to a host of its choice.
        let none = |_: &str| None;
        let mut settings = settings(&project.join(".npmrc"), &none);
        for file in &around.files {
            settings.extend(self::settings(file, around.variable));
        }
        let of = |key: &str| {
            settings
                .iter()
                .find(|(known, _)| known == key)
                .map(|(_, value)| value.clone())
        };
        let from_variable = from_variable.filter(|url| !url.is_empty());
        let mut url = from_variable
            .or_else(|| of("registry"))
            .unwrap_or_else(|| DEFAULT.to_owned());
        if !url.ends_with('/') {
            url.push('/');
        }
        let authorization = authorization(&url, &of);
        Self { url, authorization }
    }
}

/// What is kept for the registry, or for a folder above it: `//host/path/:_authToken`.
fn authorization(url: &str, of: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let mut place = format!("//{rest}");
    loop {
        if let Some(token) = of(&format!("{place}:_authToken")) {
            return Some(format!("Bearer {token}"));
        }
        if let Some(pair) = of(&format!("{place}:_auth")) {
            return Some(format!("Basic {pair}"));
        }
        let above = place.strip_suffix('/').unwrap_or(&place).rfind('/')?;
        if above < 2 {
            return None;
        }
        place.truncate(above + 1);
    }
}

/// `key = value` lines; the last of a key counts, so that they come in reverse.
fn settings(file: &Path, variable: &dyn Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let small = fs::metadata(file).is_ok_and(|about| about.len() <= MAX_BYTES);
    let text = small
        .then(|| fs::read_to_string(file))
        .and_then(Result::ok)
        .unwrap_or_default();
    let lines = text.lines().rev().map(str::trim);
    let lines = lines.filter(|line| !line.starts_with(['#', ';', '[']));
    lines
        .filter_map(|line| line.split_once('='))
        .filter_map(|(key, value)| {
            let value = value.trim().trim_matches(['"', '\'']);
            Some((key.trim().to_owned(), expand(value, variable)?))
        })
        .collect()
}

/// Puts variables in place of `${NAME}`; nothing when there is no such variable.
fn expand(value: &str, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut expanded = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}')?;
        expanded.push_str(before);
        expanded.push_str(&variable(name)?);
        rest = after;
    }
    expanded.push_str(rest);
    Some(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(project: &str, user: &str, variables: &[(&str, &str)]) -> Registry {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".npmrc"), project).unwrap();
        fs::write(dir.path().join("user"), user).unwrap();
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let files = vec![dir.path().join("user")];
        let variable = &variable;
        Registry::find(dir.path(), &Surroundings { variable, files })
    }

    #[test]
    fn the_nearest_setting_counts() {
        assert_eq!(find("", "", &[]).url, DEFAULT);
        assert_eq!(
            find("", "registry=https://b.example\n", &[]).url,
            "https://b.example/"
        );
        let project = "; ours\nregistry = https://a.example/npm\n";
        let user = "registry=https://b.example/";
        assert_eq!(find(project, user, &[]).url, "https://a.example/npm/");
        let variables = [("NPM_CONFIG_REGISTRY", "https://c.example")];
        assert_eq!(find(project, user, &variables).url, "https://c.example/");
    }

    #[test]
    fn a_token_goes_to_its_own_registry_alone() {
        let user = "//a.example/:_authToken=${TOKEN}\n//b.example/x/:_auth=cGFpcg==";
        let variables = [("TOKEN", "secret")];
        let of = |url: &str| find(&format!("registry={url}"), user, &variables).authorization;
        assert_eq!(
            of("https://a.example/npm/").as_deref(),
            Some("Bearer secret")
        );
        assert_eq!(
            of("https://b.example/x/").as_deref(),
            Some("Basic cGFpcg==")
        );
        assert_eq!(of("https://b.example/"), None);
        assert_eq!(of("https://a.example.org/"), None);
    }

    #[test]
    fn a_project_gets_no_variables() {
        let project = "registry=https://bad.example/\n//bad.example/:_authToken=${TOKEN}";
        let registry = find(project, "", &[("TOKEN", "secret")]);
        assert_eq!(registry.authorization, None);
        let shown = Registry {
            authorization: Some("Bearer x".into()),
            ..registry
        };
        assert!(!format!("{shown:?}").contains("Bearer"));
    }
}
