//! Validates a collector's URL.

use http::Uri;
use lianlu_wire::authority::{Authority, AuthorityError};

use crate::error::OptionError;

/// Parses `value` as an absolute `http` or `https` URL.
///
/// # Errors
///
/// Names `option` if the value is not a URL, has no host, another scheme, a port that is not a
/// number up to 65535, or is `https` in a build without the feature `tls`.
///
/// ```
/// let error = lianlu_sdk::check_endpoint("with_endpoint", "ftp://collector").unwrap_err();
/// assert_eq!(error.to_string(), "with_endpoint: unknown scheme, use http or https, got \"ftp://collector\"");
/// ```
pub fn check_endpoint(option: &'static str, value: &str) -> Result<Uri, OptionError> {
    let error = |problem: String| OptionError::new(option, value, problem);
    let uri: Uri = value
        .trim()
        .parse()
        .map_err(|cause| error(format!("not a URL ({cause})")))?;
    let Some(scheme) = uri.scheme_str() else {
        return Err(error(
            "not a URL, it needs a scheme such as http://host:port".to_owned(),
        ));
    };
    match scheme {
        "http" => {}
        "https" if cfg!(feature = "tls") => {}
        "https" => {
            return Err(error("https needs this crate's feature `tls`".to_owned()));
        }
        _ => return Err(error("unknown scheme, use http or https".to_owned())),
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err(error("not a URL, it has no host".to_owned()));
    }
    if !is_port_usable(&uri) {
        return Err(error(
            "not a URL, its port is not a number up to 65535 (a password with `/`, `?` or `#` in it must be \
             percent-encoded)"
                .to_owned(),
        ));
    }
    Ok(uri)
}

/// Whether the port is absent, empty or a number. `Uri` accepts any text as the port, and then
/// reports none.
fn is_port_usable(uri: &Uri) -> bool {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    Authority::parse(authority) != Err(AuthorityError::Port)
}

#[cfg(test)]
mod tests {
    use super::check_endpoint;

    #[test]
    fn accepts_http_urls() {
        for value in [
            "http://localhost:14268/api/traces",
            "http://[::1]:4317",
            "http://[::1]",
            "http://ann:secret@[::1]:4317/p",
            "http://ann:secret@h",
            "http://h:65535?k=v:w",
            "http://h:",
            "http://[::1]:/p",
            " http://h ",
        ] {
            assert!(check_endpoint("o", value).is_ok(), "{value}");
        }
    }

    #[test]
    fn errors_name_the_option() {
        for value in [
            "",
            "localhost:4317",
            "http://",
            "http:// x",
            "://",
            "ftp://h",
            "/path",
            "not a url",
        ] {
            let error = check_endpoint("with_endpoint", value).unwrap_err();
            assert!(error.to_string().starts_with("with_endpoint: "), "{error}");
        }
    }

    #[test]
    fn rejects_invalid_ports() {
        for value in [
            "http://h:abc",
            "http://h:99999",
            "http://h:+80",
            "http://h:4317abc/x",
            "http://[::1]:x",
            "http://ann:secret@h:x",
            "http://ann:se/cret@h:1",
            "http://ann:se?cret@h:1",
            "http://ann:se#cret@h:1",
        ] {
            let error = check_endpoint("o", value).unwrap_err().to_string();
            assert!(error.starts_with("o: not a URL, its port"), "{error}");
            assert!(!error.contains("cret"), "{error}");
        }
    }
}
