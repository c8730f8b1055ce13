//! How requests are compressed.

use std::fmt;

/// How requests are compressed. Each needs the feature of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip, which every collector takes.
    Gzip,
    /// Zstandard: smaller and for less time than gzip, where the collector takes it.
    Zstd,
}

impl Compression {
    /// Its name in `OTEL_EXPORTER_OTLP_COMPRESSION`, and in the headers of a request.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Whether this program was built with it.
    #[must_use]
    pub const fn is_available(self) -> bool {
        match self {
            Self::None => true,
            Self::Gzip => cfg!(feature = "gzip"),
            Self::Zstd => cfg!(feature = "zstd"),
        }
    }

    /// The bytes compressed, in `out`, which is emptied first; `None` where they are sent as they are.
    #[cfg(feature = "otlp-http")]
    #[cfg_attr(
        not(any(feature = "gzip", feature = "zstd")),
        allow(unused_variables, clippy::unnecessary_wraps)
    )]
    pub(super) fn compress<'a>(
        self,
        bytes: &[u8],
        out: &'a mut Vec<u8>,
    ) -> std::io::Result<Option<&'a [u8]>> {
        out.clear();
        match self {
            #[cfg(feature = "gzip")]
            Self::Gzip => {
                use std::io::Write;
                // Spans repeat themselves so much that the fastest level gets most of it.
                let level = flate2::Compression::fast();
                let mut encoder = flate2::write::GzEncoder::new(&mut *out, level);
                encoder.write_all(bytes)?;
                encoder.finish()?;
            }
            #[cfg(feature = "zstd")]
            Self::Zstd => zstd::stream::copy_encode(bytes, &mut *out, 0)?,
            _ => return Ok(None),
        }
        Ok(Some(out))
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
