//! Where a collector is.

use std::fmt;

use http::Uri;

/// A collector's URL. It is shown without the credentials that may be in it.
#[derive(Clone)]
pub(crate) struct Place(Uri);

impl Place {
    pub(crate) fn new(uri: Uri) -> Self {
        Self(uri)
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.0
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.scheme_str().unwrap_or_default();
        let host = self.0.host().unwrap_or_default();
        write!(f, "{scheme}://{host}")?;
        if let Some(port) = self.0.port() {
            write!(f, ":{port}")?;
        }
        // No query: it may have a key in it.
        f.write_str(self.0.path())
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn no_credentials() {
        let place = Place::new("http://ann:secret@h:1/p?key=secret".parse().unwrap());
        assert_eq!(format!("{place} {place:?}"), "http://h:1/p http://h:1/p");
    }
}
