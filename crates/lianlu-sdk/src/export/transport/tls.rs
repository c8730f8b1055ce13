//! TLS settings.

#[cfg(any(feature = "otlp-grpc", feature = "otlp-http"))]
use crate::export::transport::client_identity::ClientIdentity;
use crate::export::transport::trusted_roots::TrustedRoots;

/// Trusted roots and the client certificate.
#[derive(Debug, Clone, Default)]
#[cfg_attr(not(feature = "tls"), allow(dead_code))]
pub(crate) struct Tls {
    pub(crate) roots: TrustedRoots,
    #[cfg(any(feature = "otlp-grpc", feature = "otlp-http"))]
    pub(crate) identity: Option<ClientIdentity>,
}

impl Tls {
    #[cfg(all(feature = "tls", feature = "http-client"))]
    pub(crate) fn for_ureq(&self) -> ureq::tls::TlsConfig {
        let config = ureq::tls::TlsConfig::builder().root_certs(self.roots.for_ureq());
        #[cfg(feature = "otlp-http")]
        let config = config.client_cert(self.identity.as_ref().and_then(ClientIdentity::for_ureq));
        config.build()
    }

    #[cfg(all(feature = "tls", feature = "otlp-grpc"))]
    pub(crate) fn for_tonic(&self) -> tonic::transport::ClientTlsConfig {
        let config = self.roots.for_tonic();
        match &self.identity {
            Some(identity) => config.identity(identity.for_tonic()),
            None => config,
        }
    }
}
