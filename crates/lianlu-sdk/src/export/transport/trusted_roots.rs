//! The certificates that `https` trusts.

use std::fmt;
use std::sync::Arc;

use crate::error::OptionError;

/// Root certificates: custom ones, or the system's by default.
#[derive(Clone, Default)]
#[cfg_attr(not(feature = "tls"), allow(dead_code))]
pub(crate) struct TrustedRoots {
    pem: Option<Arc<[u8]>>,
}

impl TrustedRoots {
    /// Reads the text of a PEM file.
    #[cfg_attr(
        not(any(feature = "otlp-grpc", feature = "otlp-http")),
        allow(dead_code)
    )]
    pub(crate) fn from_pem(option: &'static str, pem: &[u8]) -> Result<Self, OptionError> {
        const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
        let error = |problem: &str| OptionError::new(option, "…", problem);
        if !cfg!(feature = "tls") {
            return Err(error("certificates need this crate's feature `tls`"));
        }
        if !pem.windows(BEGIN.len()).any(|text| text == BEGIN) {
            return Err(error("no certificate in PEM"));
        }
        Ok(Self {
            pem: Some(pem.into()),
        })
    }

    #[cfg(all(feature = "tls", feature = "http-client"))]
    pub(crate) fn for_ureq(&self) -> ureq::tls::RootCerts {
        match &self.pem {
            Some(pem) => certificates_for_ureq(pem).into(),
            // The system's, which may include a company's own.
            None => ureq::tls::RootCerts::PlatformVerifier,
        }
    }

    #[cfg(all(feature = "tls", feature = "otlp-grpc"))]
    pub(crate) fn for_tonic(&self) -> tonic::transport::ClientTlsConfig {
        use tonic::transport::{Certificate, ClientTlsConfig};

        match &self.pem {
            Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
            None => ClientTlsConfig::new().with_enabled_roots(),
        }
    }
}

#[cfg(all(feature = "tls", feature = "http-client"))]
pub(crate) fn certificates_for_ureq(pem: &[u8]) -> Vec<ureq::tls::Certificate<'static>> {
    use ureq::tls::{PemItem, parse_pem};

    parse_pem(pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect()
}

impl fmt::Debug for TrustedRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.pem {
            Some(_) => "given",
            None => "system",
        })
    }
}
