//! Methods that a request means in place of its own.

use http::{HeaderName, Method, Request};

/// Headers by which a request says that it means another method.
static OVERRIDES: [HeaderName; 3] = [
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-method-override"),
];

/// The methods that a request says it means in place of its own: by `X-HTTP-Method-Override`, `X-HTTP-Method` or
/// `X-Method-Override`, or by `_method` in its query. Frameworks go by some of these, most of them for a POST alone; what
/// stands in a body is not looked at.
///
/// ```
/// use http::{Method, Request};
/// use panoply_core::said_methods;
///
/// let request = Request::get("/login?_method=post").header("x-http-method", "put, x").body(())?;
/// let said: Vec<_> = said_methods(&request).collect();
/// assert_eq!(said, [Method::PUT, "X".parse()?, Method::POST]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn said_methods<B>(request: &Request<B>) -> impl Iterator<Item = Method> {
    let headers = OVERRIDES
        .iter()
        .flat_map(|name| request.headers().get_all(name));
    let headers = headers.filter_map(|value| value.to_str().ok());
    let in_headers = headers
        .flat_map(|value| value.split(','))
        .filter_map(method);
    in_headers.chain(request.uri().query().into_iter().flat_map(in_query))
}

/// Those that a query says.
fn in_query(query: &str) -> impl Iterator<Item = Method> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    let said = pairs.filter(|(key, _)| is_method(key));
    said.filter_map(|(_, value)| method(&value))
}

/// Whether a parameter is `_method`, or that to PHP: it takes blanks and dots in a name for `_`, leaves blanks before it out,
/// and ends it at a NUL.
fn is_method(key: &str) -> bool {
    let key = key.trim_start_matches(' ');
    let key = key.split('\0').next().unwrap_or_default();
    let rest = key.strip_prefix(['_', '.', ' ']);
    rest.is_some_and(|rest| rest.eq_ignore_ascii_case("method"))
}

fn method(said: &str) -> Option<Method> {
    let said = said.trim().to_ascii_uppercase();
    Method::from_bytes(said.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_php_reads_it() {
        let said = |query: &str| {
            let uri = format!("/?a=b&{query}");
            let request = Request::get(uri).body(()).unwrap();
            said_methods(&request).next()
        };
        for query in [
            "_method=DELETE",
            "_METHOD=delete",
            "%5fmethod=DELETE",
            ".method=DELETE",
            "+_method=DELETE",
            "%20%20.method=DELETE",
            "_method%00x=DELETE",
        ] {
            assert_eq!(said(query), Some(Method::DELETE), "{query}");
        }
        for query in [
            "method=DELETE",
            "x_method=DELETE",
            "_methods=DELETE",
            "_method=",
        ] {
            assert_eq!(said(query), None, "{query}");
        }
    }
}
