//! Compression of requests.

use std::fmt;

/// Compression of requests. Each kind needs the feature of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Compression {
    /// No compression.
    #[default]
    None,
    /// gzip, which every collector supports.
    Gzip,
    /// Zstandard: smaller and faster than gzip, if the collector supports it.
    Zstd,
}

impl Compression {
    /// The name in `OTEL_EXPORTER_OTLP_COMPRESSION` and in request headers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Whether this build supports it.
    #[must_use]
    pub const fn is_available(self) -> bool {
        match self {
            Self::None => true,
            Self::Gzip => cfg!(feature = "gzip"),
            Self::Zstd => cfg!(feature = "zstd"),
        }
    }

    /// The compression with this name, if this build supports it.
    #[cfg(feature = "otlp-grpc")]
    pub(super) fn from_name(name: &[u8]) -> Option<Self> {
        [Self::Gzip, Self::Zstd]
            .into_iter()
            .find(|it| it.is_available() && it.as_str().as_bytes() == name)
    }

    /// Decompresses at most `limit` bytes; returns `limit + 1` bytes if there are more.
    #[cfg(feature = "otlp-grpc")]
    pub(super) fn decompress(self, bytes: &[u8], limit: usize) -> std::io::Result<Vec<u8>> {
        use std::io::Read;

        let mut out = Vec::new();
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        match self {
            #[cfg(feature = "gzip")]
            Self::Gzip => {
                let decoder = flate2::read::GzDecoder::new(bytes);
                decoder.take(limit).read_to_end(&mut out)?;
            }
            #[cfg(feature = "zstd")]
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes)?;
                // Limits the memory that a small input can request to 8 MiB.
                decoder.window_log_max(23)?;
                decoder.take(limit).read_to_end(&mut out)?;
            }
            _ => {
                bytes.take(limit).read_to_end(&mut out)?;
            }
        }
        Ok(out)
    }

    /// Appends the compressed bytes.
    pub(super) fn compress(self, bytes: &[u8], out: &mut Vec<u8>) -> std::io::Result<()> {
        match self {
            #[cfg(feature = "gzip")]
            Self::Gzip => {
                use std::io::Write;
                // Spans are so repetitive that the fastest level achieves most of the reduction.
                let level = flate2::Compression::fast();
                let mut encoder = flate2::write::GzEncoder::new(out, level);
                encoder.write_all(bytes)?;
                encoder.finish().map(drop)
            }
            #[cfg(feature = "zstd")]
            Self::Zstd => zstd::stream::copy_encode(bytes, out, zstd::DEFAULT_COMPRESSION_LEVEL),
            _ => {
                out.extend_from_slice(bytes);
                Ok(())
            }
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
