//! Functions of Node's modules and of small libraries that only move values about.
//!
//! Long because a function of Node is a few lines, and there are many.

use std::rc::Rc;

use super::super::facts::{Kind, Loc, Val, Value};
use super::super::files::{Content, normal};
use super::Interp;

impl Interp<'_> {
    /// A call whose effect on values is known.
    pub(super) fn call_node(&mut self, path: &Rc<str>, args: &[Val], at: Loc) -> Option<Val> {
        let (package, name) = path.split_once(':').unwrap_or((path, ""));
        match package {
            "path" => Self::path_function(name, args, at),
            "fs" => self.fs_function(name, args, at),
            "util" => match name {
                "promisify" | "callbackify" | "deprecate" => args.first().cloned(),
                "inherits" => {
                    let [child, parent, ..] = args else {
                        return None;
                    };
                    let proto = self.get(child, "prototype", at);
                    let parent = self.get(parent, "prototype", at);
                    self.obj_mut(proto.object()?)?.proto = Some(parent);
                    Some(Val::new(Value::Undefined, at))
                }
                _ => None,
            },
            "url" if matches!(name, "fileURLToPath") => {
                // `fileURLToPath(import.meta.url)`
                let file = self.files.get(self.file)?;
                Some(Val::new(
                    Value::text(&format!("/{}", file.source.path())),
                    at,
                ))
            }
            // `createRequire(import.meta.url)`
            "module" if name.ends_with("createRequire") => {
                Some(Val::new(Value::external("global:require"), at))
            }
            "lodash" | "underscore" | "ramda" | "radash" => self.lodash(name, args, at),
            "object-assign" | "utils-merge" => {
                let (to, from) = args.split_first()?;
                Some(self.assign_all(to, from))
            }
            "deepmerge"
            | "xtend"
            | "merge"
            | "lodash.merge"
            | "lodash.defaultsdeep"
            | "deep-extend"
            | "extend"
            | "deepmerge-ts" => {
                let args = match args.split_first() {
                    Some((first, rest)) if matches!(first.v, Value::Bool(_)) => rest,
                    _ => args,
                };
                Some(self.merged(args, package != "xtend", at))
            }
            _ if package.starts_with("lodash.") || package.starts_with("lodash/") => {
                let name = package
                    .get("lodash.".len()..)
                    .unwrap_or_default()
                    .to_owned();
                self.lodash(&name, args, at)
            }
            "glob" | "fast-glob" | "globby" | "tiny-glob" => self.glob(name, args, at),
            "require-dir" | "require-directory" | "require-all" => self.require_dir(args, at),
            "config" => match name {
                "get" => {
                    let wanted = args.first()?.text()?.to_owned();
                    let mut val = self.config_package(at);
                    for part in wanted.split('.') {
                        val = self.get(&val, part, at);
                    }
                    Some(val)
                }
                "has" => Some(Val::unknown(at)),
                _ => None,
            },
            _ => None,
        }
    }

    fn path_function(name: &str, args: &[Val], at: Loc) -> Option<Val> {
        let mut out = Vec::new();
        match name {
            "join" | "resolve" | "normalize" => {
                // The arguments' alternatives, one after the other, then made one path each.
                let mut whole = Val::new(Value::text(""), at);
                for (number, arg) in args.iter().enumerate() {
                    if number > 0 {
                        whole = super::expr::concat(&whole, &Val::new(Value::text("/"), at), at);
                    }
                    whole = super::expr::concat(&whole, arg, at);
                }
                for (cond, val) in whole.alternatives() {
                    let v = match &val.v {
                        Value::Text(text) if text.starts_with('/') => {
                            Value::text(&format!("/{}", normal(text)))
                        }
                        Value::Text(text) if name == "resolve" => {
                            Value::text(&format!("/{}", normal(text)))
                        }
                        Value::Text(text) => Value::text(&format!("./{}", normal(text))),
                        other => other.clone(),
                    };
                    out.push((cond, Val::new(v, at)));
                }
            }
            "basename" | "dirname" | "extname" => {
                let ending = args.get(1).and_then(Val::text).map(str::to_owned);
                for (cond, val) in args.first()?.alternatives() {
                    let v = match val.text() {
                        Some(text) => {
                            let (dir, base) = text.rsplit_once('/').unwrap_or(("", text));
                            match (name, &ending) {
                                ("dirname", _) => {
                                    Value::text(if dir.is_empty() { "/" } else { dir })
                                }
                                ("basename", Some(ending)) => {
                                    Value::text(base.strip_suffix(ending.as_str()).unwrap_or(base))
                                }
                                ("basename", None) => Value::text(base),
                                _ => match base.rfind('.') {
                                    Some(dot) if dot > 0 => {
                                        Value::text(base.get(dot..).unwrap_or_default())
                                    }
                                    _ => Value::text(""),
                                },
                            }
                        }
                        None => Value::Unknown,
                    };
                    out.push((cond, Val::new(v, at)));
                }
            }
            _ => return Some(Val::unknown(at)),
        }
        Some(Val::one_of(out, at))
    }

    fn fs_function(&mut self, name: &str, args: &[Val], at: Loc) -> Option<Val> {
        match name {
            "readdirSync" | "readdir" => {
                let dir = args.first()?.text()?.to_owned();
                let dir = self.inside(&dir);
                let files = self.files;
                let names = files.names_in(&dir)?;
                let with_types = args
                    .get(1)
                    .is_some_and(|options| self.program.prop(options, "withFileTypes").is_some());
                let mut items = Vec::new();
                for entry in names {
                    let text = Val::new(Value::text(entry), at);
                    if with_types {
                        let made = self.object(Kind::Plain, at);
                        let id = made.object()?;
                        self.put(id, "name", text, at);
                        self.obj_mut(id)?.open = true;
                        items.push(made);
                    } else {
                        items.push(text);
                    }
                }
                let list = self.list(items, at);
                if let Some(callback) = args.last().filter(|_| name == "readdir")
                    && self.as_function(callback).is_some()
                {
                    let args = vec![Val::new(Value::Null, at), list.clone()];
                    self.call(callback, Val::unknown(at), args, at, "");
                }
                Some(list)
            }
            "existsSync" => {
                let path = args.first()?.text()?.to_owned();
                let path = self.inside(&path);
                let there =
                    self.files.by_path(&path).is_some() || self.files.names_in(&path).is_some();
                // What is not here may be there when it runs.
                let v = if there {
                    Value::Bool(true)
                } else {
                    Value::Unknown
                };
                Some(Val::new(v, at))
            }
            "readFileSync" => {
                let path = args.first()?.text()?.to_owned();
                let path = self.inside(&path);
                let files = self.files;
                let file = files.by_path(&path)?;
                match files.get(file).map(|file| &file.content) {
                    Some(Content::Json(_)) => {
                        let source = files.get(file)?.source.clone();
                        let from = Loc {
                            file,
                            span: super::super::ir::Span::default(),
                        };
                        Some(Val::new(Value::text(source.text()), from))
                    }
                    _ => None,
                }
            }
            "statSync" | "lstatSync" => {
                let path = args.first()?.text()?.to_owned();
                let path = self.inside(&path);
                let is_dir = self.files.names_in(&path).is_some();
                let made = self.object(Kind::Plain, at);
                let id = made.object()?;
                for (name, truth) in [("isDirectory", is_dir), ("isFile", !is_dir)] {
                    let kind = Kind::Bound {
                        callee: Val::new(Value::external("global:Boolean"), at),
                        this: Val::new(Value::Undefined, at),
                        args: vec![Val::new(Value::Bool(truth), at)],
                    };
                    let method = self.object(kind, at);
                    self.put(id, name, method, at);
                }
                Some(made)
            }
            _ => None,
        }
    }

    /// A path as the project calls it.
    fn inside(&self, path: &str) -> String {
        if path.starts_with('/') {
            return normal(path);
        }
        let file = self.files.get(self.file).map(|file| file.source.path());
        let dir = self.files.package_dir(file.unwrap_or_default());
        normal(&format!("{dir}/{path}"))
    }

    fn lodash(&mut self, name: &str, args: &[Val], at: Loc) -> Option<Val> {
        let first = args.first()?;
        match name {
            "extend" | "assign" | "assignIn" => Some(self.assign_all(first, args.get(1..)?)),
            "merge" | "defaultsDeep" | "defaults" => {
                let mut all = args.to_vec();
                if name != "merge" {
                    all.reverse();
                }
                let merged = self.merged(&all, name != "defaults", at);
                if let Some(to) = first.object() {
                    self.copy_props(to, &merged);
                }
                Some(first.clone())
            }
            "cloneDeep" | "clone" => Some(self.merged(std::slice::from_ref(first), true, at)),
            "forEach" | "each" | "map" | "forOwn" | "forIn" | "filter" => {
                let callback = args.get(1)?;
                let undefined = Val::new(Value::Undefined, at);
                if self.elements(first).is_some() {
                    let method = if name == "map" || name == "filter" {
                        name
                    } else {
                        "forEach"
                    };
                    return Some(self.call_method(first, method, vec![callback.clone()], at));
                }
                let keys = self.keys(first)?;
                let mut given = Vec::new();
                for key in keys.into_iter().take(super::MAX_ITEMS) {
                    let value = self.get_by(first, &key, at);
                    given.push(self.call(callback, undefined.clone(), vec![value, key], at, ""));
                }
                Some(self.list(given, at))
            }
            "get" => {
                let wanted = args.get(1)?.text()?.to_owned();
                let mut val = first.clone();
                for part in wanted.split('.') {
                    val = self.get(&val, part, at);
                }
                Some(val)
            }
            "pick" | "omit" => None,
            _ => None,
        }
    }

    /// `glob.sync('routes/*.js')`.
    fn glob(&mut self, name: &str, args: &[Val], at: Loc) -> Option<Val> {
        if !matches!(name, "" | "sync" | "globSync" | "glob") {
            return None;
        }
        let pattern = args.first()?.text()?.to_owned();
        let absolute = pattern.starts_with('/');
        let cwd = args
            .get(1)
            .and_then(|options| self.program.prop(options, "cwd"));
        let cwd = cwd.and_then(|prop| prop.val.text()).map(str::to_owned);
        let whole = match cwd {
            Some(cwd) if !absolute => normal(&format!("{cwd}/{pattern}")),
            _ => self.inside(&pattern),
        };
        let regex = super::text::compiled(&glob_pattern(&whole))?;
        let fits = self.program.files.iter().map(|source| source.path());
        let fits: Vec<Rc<str>> = fits
            .filter(|path| regex.is_match(path.as_bytes()))
            .map(|path| Rc::from(format!("/{path}")))
            .collect();
        let list = self.text_list(fits.into_iter().take(super::MAX_ITEMS), at);
        if let Some(callback) = args.last().filter(|last| self.as_function(last).is_some()) {
            let args = vec![Val::new(Value::Null, at), list.clone()];
            self.call(callback, Val::unknown(at), args, at, "");
        }
        Some(list)
    }

    /// `requireDir('./routes')`: an object with each file's exports.
    fn require_dir(&mut self, args: &[Val], at: Loc) -> Option<Val> {
        let dir = args.first()?.text()?.to_owned();
        let here = self.files.get(self.file)?;
        let here = super::super::files::dirname(&here.source);
        let dir = if dir.starts_with('/') {
            normal(&dir)
        } else {
            normal(&format!("{here}/{dir}"))
        };
        let files = self.files;
        let names = files.names_in(&dir)?;
        let made = self.object(Kind::Plain, at);
        let id = made.object()?;
        for name in names.iter().take(super::MAX_ITEMS) {
            let Some(file) = files.file_or_folder(&normal(&format!("{dir}/{name}"))) else {
                continue;
            };
            if file == self.file {
                continue;
            }
            let val = self.module_value(file, at);
            let stem = name.split('.').next().unwrap_or(name);
            self.put(id, stem, val, at);
        }
        Some(made)
    }

    /// What the package `config` reads: `config/default.*`, and one file an environment over it.
    pub(super) fn config_package(&mut self, at: Loc) -> Val {
        let path = self.files.get(self.file).map(|file| file.source.path());
        let dir = self.files.package_dir(path.unwrap_or_default()).to_owned();
        let base = self
            .files
            .file_or_folder(&normal(&format!("{dir}/config/default")));
        let base = base.map(|file| self.module_value(file, at));
        let Some(base) = base else {
            return Val::new(Value::external("config"), at);
        };
        let mut out = Vec::new();
        for world in [
            super::super::facts::PRODUCTION,
            super::super::facts::DEVELOPMENT,
            super::super::facts::TEST,
        ] {
            let name = Value::mode_text(world);
            let over = self
                .files
                .file_or_folder(&normal(&format!("{dir}/config/{name}")));
            let mut layers = vec![base.clone()];
            layers.extend(over.map(|file| self.module_value(file, at)));
            let merged = self.merged(&layers, true, at);
            if let Some(id) = merged.object() {
                let get = Val::new(Value::external("config:get"), at);
                self.put(id, "get", get, at);
                let has = Val::new(Value::external("config:has"), at);
                self.put(id, "has", has, at);
            }
            out.push((super::super::facts::Cond::worlds(world), merged));
        }
        Val::one_of(out, at)
    }
}

/// A glob as a regular expression.
fn glob_pattern(glob: &str) -> String {
    let mut out = String::from("^");
    let mut chars = glob.chars().peekable();
    let mut braces = 0_u32;
    while let Some(it) = chars.next() {
        match it {
            '*' if chars.peek() == Some(&'*') => {
                chars.next();
                if chars.peek() == Some(&'/') {
                    chars.next();
                }
                out.push_str("(?:.*/)?");
            }
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '{' => {
                braces += 1;
                out.push_str("(?:");
            }
            '}' if braces > 0 => {
                braces -= 1;
                out.push(')');
            }
            ',' if braces > 0 => out.push('|'),
            '@' | '+' | '!' if chars.peek() == Some(&'(') => {}
            '(' | ')' | '|' => out.push(it),
            it if it.is_ascii_alphanumeric() || matches!(it, '/' | '_' | '-') => out.push(it),
            it => {
                out.push('\\');
                out.push(it);
            }
        }
    }
    out.push('$');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_are_read() {
        let fits = |glob: &str, path: &str| {
            super::super::text::compiled(&glob_pattern(glob))
                .unwrap()
                .is_match(path.as_bytes())
        };
        assert!(fits("routes/*.js", "routes/a.js"));
        assert!(!fits("routes/*.js", "routes/a/b.js"));
        assert!(fits("src/**/*.route.{js,ts}", "src/a/b/c.route.ts"));
        assert!(fits("src/**/*.js", "src/a.js"));
    }
}
