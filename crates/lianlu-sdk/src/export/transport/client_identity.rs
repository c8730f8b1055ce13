//! The client certificate for a collector that requests one.

use std::fmt;
use std::sync::Arc;

use crate::error::OptionError;

/// A certificate chain and its key. The key is never logged.
#[derive(Clone)]
#[cfg_attr(not(feature = "tls"), allow(dead_code))]
pub(crate) struct ClientIdentity {
    certificates: Arc<[u8]>,
    key: Arc<[u8]>,
}

impl ClientIdentity {
    /// Reads the texts of two PEM files. Errors name the invalid one of the two options.
    pub(crate) fn from_pem(
        options: [&'static str; 2],
        certificates: &[u8],
        key: &[u8],
    ) -> Result<Self, OptionError> {
        check(options, certificates, key)?;
        Ok(Self {
            certificates: certificates.into(),
            key: key.into(),
        })
    }

    #[cfg(all(feature = "tls", feature = "otlp-http"))]
    pub(crate) fn for_ureq(&self) -> Option<ureq::tls::ClientCert> {
        use ureq::tls::{ClientCert, PrivateKey};

        let chain =
            crate::export::transport::trusted_roots::certificates_for_ureq(&self.certificates);
        let key = PrivateKey::from_pem(&self.key).ok()?;
        Some(ClientCert::new_with_certs(&chain, key))
    }

    #[cfg(all(feature = "tls", feature = "otlp-grpc"))]
    pub(crate) fn for_tonic(&self) -> tonic::transport::Identity {
        tonic::transport::Identity::from_pem(&self.certificates, &self.key)
    }
}

#[cfg(not(feature = "tls"))]
fn check([option, _]: [&'static str; 2], _: &[u8], _: &[u8]) -> Result<(), OptionError> {
    let problem = "certificates need this crate's feature `tls`";
    Err(OptionError::new(option, "…", problem))
}

/// Validates everything before a connection is made: ureq panics at a key that does not match the
/// certificate.
#[cfg(feature = "tls")]
fn check(
    [certificate_option, key_option]: [&'static str; 2],
    certificates: &[u8],
    key: &[u8],
) -> Result<(), OptionError> {
    use rustls::Error;
    use rustls::crypto::{CryptoProvider, ring};
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::sign::CertifiedKey;

    let error = |option, problem: &str| OptionError::new(option, "…", problem);
    let chain = CertificateDer::pem_slice_iter(certificates).collect::<Result<Vec<_>, _>>();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| error(certificate_option, "no certificate in PEM"))?;
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|_| error(key_option, "no private key in PEM, or an encrypted one"))?;
    let provider = CryptoProvider::get_default().cloned();
    let provider = provider.unwrap_or_else(|| Arc::new(ring::default_provider()));
    match CertifiedKey::from_der(chain, key, &provider) {
        Ok(_) => Ok(()),
        Err(Error::InvalidCertificate(_)) => {
            Err(error(certificate_option, "not a certificate in its PEM"))
        }
        Err(cause) => {
            let problem = format!("not the certificate's key ({cause})");
            Err(error(key_option, &problem))
        }
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("given")
    }
}
