//! Checks a collector's URL before anything is sent to it.

use http::Uri;

use crate::error::OptionError;

/// Reads `value` as an absolute `http` or `https` URL.
///
/// # Errors
///
/// Names `option` if the value is no URL, has no host, another scheme, or is `https` in a build
/// without the feature `tls`.
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
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::check_endpoint;

    #[test]
    fn good_ones() {
        for value in [
            "http://localhost:14268/api/traces",
            "http://[::1]:4317",
            " http://h ",
        ] {
            assert!(check_endpoint("o", value).is_ok(), "{value}");
        }
    }

    #[test]
    fn bad_ones_name_the_option() {
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
}
