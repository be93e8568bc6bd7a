//! Changes of the policy in `panoply.toml`; whatever else stands there stays as it stands.

use panoply_gateway::CspAdditions;
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value};

const POLICY: &str = "content-security-policy";

/// The site's own policy: of no name, and of all paths.
const SITE: (&[String], &str) = (&[], "/");

/// Adds sources to the policies of their names and paths.
pub(super) fn allow(
    document: &mut DocumentMut,
    additions: &CspAdditions<'_>,
) -> Result<(), String> {
    for (at, directives) in additions {
        let policy = policy(document, *at)?;
        let append = policy
            .entry("append")
            .or_insert_with(|| Item::Value(InlineTable::new().into()));
        let Some(append) = append.as_table_like_mut() else {
            return Err("`append` is no table".to_owned());
        };
        for (directive, sources) in directives {
            let written = append.iter().map(|(key, _)| key.to_owned());
            let same = |key: &String| key.eq_ignore_ascii_case(directive);
            let key = { written }
                .find(same)
                .unwrap_or_else(|| (*directive).to_owned());
            let list = append
                .entry(&key)
                .or_insert_with(|| Item::Value(Array::new().into()));
            for source in sources {
                add(list, source).ok_or_else(|| format!("`append.{key}` is no list"))?;
            }
        }
    }
    Ok(())
}

/// Has every policy block that was only reported.
pub(super) fn enforce(document: &mut DocumentMut) {
    let Some(headers) = document
        .get_mut("headers")
        .and_then(Item::as_table_like_mut)
    else {
        return;
    };
    let off = |headers: &mut dyn TableLike| {
        let policy = headers.get_mut(POLICY).and_then(Item::as_table_like_mut);
        if let Some(report_only) = policy.and_then(|policy| policy.get_mut("report_only")) {
            set(report_only, false);
        }
    };
    off(headers);
    for part in ["path", "domain"] {
        match headers.get_mut(part) {
            Some(Item::ArrayOfTables(parts)) => parts.iter_mut().for_each(|part| off(part)),
            Some(Item::Value(Value::Array(parts))) => {
                let parts = parts.iter_mut().filter_map(Value::as_inline_table_mut);
                parts.for_each(|part| off(part));
            }
            _ => {}
        }
    }
}

/// Has the site's policy only reported.
pub(super) fn learn(document: &mut DocumentMut) -> Result<(), String> {
    let policy = policy(document, SITE)?;
    let report_only = policy
        .entry("report_only")
        .or_insert_with(|| Item::Value(false.into()));
    set(report_only, true);
    Ok(())
}

/// The table of the policy of some names, or of a path, made where there is none.
fn policy<'d>(
    document: &'d mut DocumentMut,
    (domains, path): (&[String], &str),
) -> Result<&'d mut dyn TableLike, String> {
    let headers = document.entry("headers").or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    // Within braces no table with a header of its own can follow.
    let braces = headers.is_inline_table();
    let Some(headers) = headers.as_table_like_mut() else {
        return Err("`headers` is no table".to_owned());
    };
    let helmet = headers.get("helmet").and_then(Item::as_table_like);
    if helmet.is_some_and(|helmet| helmet.contains_key("contentSecurityPolicy"))
        && !headers.contains_key(POLICY)
    {
        let why = "the policy stands in `headers.helmet.contentSecurityPolicy`, which a table of our \
                   own would replace: add the sources to its directives by hand";
        return Err(why.to_owned());
    }
    let (scope, braces) = if !domains.is_empty() {
        (table_of(headers, domains)?, true)
    } else if path == "/" {
        (headers, braces)
    } else {
        (scope(headers, path)?, true)
    };
    let item = scope.entry(POLICY).or_insert_with(|| {
        if braces {
            Item::Value(InlineTable::new().into())
        } else {
            Item::Table(Table::new())
        }
    });
    match item {
        Item::Value(Value::String(text)) => {
            let mut table = InlineTable::new();
            table.insert("policy", Value::from(text.value().as_str()));
            *item = Item::Value(table.into());
        }
        Item::Value(Value::Boolean(on)) if *on.value() => {
            *item = Item::Value(InlineTable::new().into());
        }
        Item::Value(Value::Boolean(_)) => {
            return Err(format!("`{POLICY} = false` sends no policy: take that out"));
        }
        _ => {}
    }
    item.as_table_like_mut()
        .ok_or_else(|| format!("`{POLICY}` is no table"))
}

/// The table of `[[headers.path]]` with this prefix.
fn scope<'h>(headers: &'h mut dyn TableLike, path: &str) -> Result<&'h mut dyn TableLike, String> {
    let fits = |prefix: Option<&Item>| {
        let prefix = prefix.and_then(Item::as_str);
        prefix.is_some_and(|prefix| prefix.trim_end_matches('/') == path.trim_end_matches('/'))
    };
    part(headers, "path", |table| fits(table.get("prefix")))
        .ok_or_else(|| format!("there is no `[[headers.path]]` with the prefix `{path}`"))
}

/// The table of `[[headers.domain]]` with these names.
fn table_of<'h>(
    headers: &'h mut dyn TableLike,
    domains: &[String],
) -> Result<&'h mut dyn TableLike, String> {
    let fits = |written: Option<&Item>| {
        let written = written.and_then(Item::as_array);
        written.is_some_and(|all| {
            all.iter()
                .map(Value::as_str)
                .eq(domains.iter().map(|one| Some(&**one)))
        })
    };
    part(headers, "domain", |table| fits(table.get("domains"))).ok_or_else(|| {
        let names = domains.join("`, `");
        format!("there is no `[[headers.domain]]` with the domains `{names}`")
    })
}

/// The first table of a list of such that is meant.
fn part<'h>(
    headers: &'h mut dyn TableLike,
    list: &str,
    is_meant: impl Fn(&dyn TableLike) -> bool,
) -> Option<&'h mut dyn TableLike> {
    match headers.get_mut(list) {
        Some(Item::ArrayOfTables(tables)) => { tables.iter_mut() }
            .find(|table| is_meant(*table))
            .map(|table| table as &mut dyn TableLike),
        Some(Item::Value(Value::Array(tables))) => { tables.iter_mut() }
            .filter_map(Value::as_inline_table_mut)
            .map(|table| table as &mut dyn TableLike)
            .find(|table| is_meant(*table)),
        _ => None,
    }
}

/// Adds to a list, or to a text that holds one; nothing where it is neither.
fn add(list: &mut Item, source: &str) -> Option<()> {
    match list.as_value_mut()? {
        Value::String(text) => {
            let known = text.value().split_ascii_whitespace();
            if !known.into_iter().any(|one| one == source) {
                let longer = format!("{} {source}", text.value());
                let decor = text.decor().clone();
                let mut value = Value::from(longer.trim_start());
                *value.decor_mut() = decor;
                *list = Item::Value(value);
            }
            Some(())
        }
        Value::Array(array) => {
            if array.iter().any(|one| one.as_str() == Some(source)) {
                return Some(());
            }
            // One a line goes on so.
            let end = array.iter().last();
            let before = end.and_then(|end| end.decor().prefix()?.as_str());
            let before = before.filter(|before| before.contains('\n'));
            match before.map(indent) {
                Some(line) => {
                    let mut value = Value::from(source);
                    value.decor_mut().set_prefix(line);
                    array.push_formatted(value);
                }
                None => array.push(source),
            }
            Some(())
        }
        _ => None,
    }
}

/// The line's beginning, without the comment that may stand before it.
fn indent(prefix: &str) -> String {
    let spaces = prefix.rsplit('\n').next().unwrap_or_default();
    format!("\n{spaces}")
}

/// Sets a switch; the comments around it stay.
fn set(item: &mut Item, on: bool) {
    let decor = item.as_value().map(|value| value.decor().clone());
    let mut value = Value::from(on);
    if let Some(decor) = decor {
        *value.decor_mut() = decor;
    }
    *item = Item::Value(value);
}

#[cfg(test)]
mod tests;
