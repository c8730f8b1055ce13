//! HTTP Basic authentication (RFC 7617).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::uri::{Authority, Uri};
use lianlu_wire::percent_decode;

/// The `Authorization` header for a user; `None` if a header cannot contain it.
pub(crate) fn basic_auth(user: &str, password: &str) -> Option<HeaderValue> {
    let token = STANDARD.encode(format!("{user}:{password}"));
    let mut value = HeaderValue::try_from(format!("Basic {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The user and the password in a URL, percent-encoded as they are there.
pub(crate) fn user(uri: &Uri) -> Option<(&str, &str)> {
    let (user, _) = uri.authority()?.as_str().rsplit_once('@')?;
    Some(user.split_once(':').unwrap_or((user, "")))
}

/// Splits a URL into the URL without user information and an `Authorization` header, as HTTP
/// clients do: HTTP/2 forbids user information in `:authority`.
pub(crate) fn without_user(uri: Uri) -> (Uri, Option<HeaderValue>) {
    let Some((name, password)) = user(&uri) else {
        return (uri, None);
    };
    let header = basic_auth(&percent_decode(name), &percent_decode(password));
    let host = uri.authority().and_then(|authority| {
        let (_, host) = authority.as_str().rsplit_once('@')?;
        host.parse::<Authority>().ok()
    });
    let mut parts = uri.clone().into_parts();
    parts.authority = host;
    (Uri::from_parts(parts).unwrap_or(uri), header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_information_becomes_a_header() {
        for (url, wanted, header) in [
            (
                "http://ann:se@cret@h:1/p",
                "http://h:1/p",
                Some("Basic YW5uOnNlQGNyZXQ="),
            ),
            (
                "http://ann%3A:%e9%93%be%@h",
                "http://h/",
                Some("Basic YW5uOjrpk74l"),
            ),
            (
                "http://ann@[::1]:1/?k=v",
                "http://[::1]:1/?k=v",
                Some("Basic YW5uOg=="),
            ),
            ("http://h:1/@", "http://h:1/@", None),
        ] {
            let (uri, user) = without_user(url.parse().unwrap());
            assert_eq!(uri.to_string(), wanted, "{url}");
            assert_eq!(user.as_ref().map(|user| user.to_str().unwrap()), header);
            assert!(user.is_none_or(|user| user.is_sensitive()), "{url}");
        }
    }
}
