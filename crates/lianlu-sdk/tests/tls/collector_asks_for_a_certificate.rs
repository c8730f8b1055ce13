//! A collector that asks who is there.
//!
//! `client-ca.pem` has signed `client.pem`; its key is gone.

use lianlu_sdk::otlp::{Builder, Exporter, Protocol};
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

use crate::common::grpc::{Collector, taken};
use crate::common::{attempt, may_be_sent_again};

const AUTHORITY: &str = include_str!("ca.pem");
const SERVER: &str = include_str!("server.pem");
const SERVER_KEY: &str = include_str!("server.key");
const CLIENT_AUTHORITY: &str = include_str!("client-ca.pem");
const CLIENT: &str = include_str!("client.pem");
const CLIENT_KEY: &str = include_str!("client.key");

fn collector() -> Collector {
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(SERVER, SERVER_KEY))
        .client_ca_root(Certificate::from_pem(CLIENT_AUTHORITY));
    Collector::start_tls(tls, taken)
}

fn builder(protocol: Protocol, collector: &Collector) -> Builder {
    let url = format!("https://localhost:{}", collector.address.port());
    let builder = Exporter::builder(protocol).with_endpoint(url);
    builder.with_root_certificates(AUTHORITY)
}

#[test]
fn one_that_is_known_is_let_in() {
    let collector = collector();
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson] {
        let builder = builder(protocol, &collector).with_client_certificate(CLIENT, CLIENT_KEY);
        attempt(builder.build().unwrap()).unwrap();
    }
    // It serves nothing over HTTP/1.1.
    assert_eq!(collector.requests.try_iter().count(), 1);
}

#[test]
fn nobody_and_somebody_else_are_not() {
    let collector = collector();
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson] {
        let nobody = builder(protocol, &collector);
        may_be_sent_again(attempt(nobody.build().unwrap()), "https://localhost:");
        let other = builder(protocol, &collector).with_client_certificate(SERVER, SERVER_KEY);
        may_be_sent_again(attempt(other.build().unwrap()), "https://localhost:");
    }
    assert_eq!(collector.requests.try_iter().count(), 0);
}

#[test]
fn what_is_none_is_an_error() {
    for (certificate, key, problem) in [
        ("", CLIENT_KEY, "no certificate in PEM"),
        (CLIENT_KEY, CLIENT_KEY, "no certificate in PEM"),
        (CLIENT, "", "no private key in PEM"),
        (CLIENT, CLIENT, "no private key in PEM"),
        (CLIENT, SERVER_KEY, "not the certificate's key"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            CLIENT_KEY,
            "not a certificate",
        ),
    ] {
        let builder = Exporter::builder(Protocol::HttpProtobuf);
        let builder = builder.with_client_certificate(certificate, key);
        let error = builder.build().unwrap_err().to_string();
        let wanted = format!("with_client_certificate: {problem}");
        assert!(error.starts_with(&wanted), "{error}");
        assert!(!error.contains("PRIVATE"), "{error}");
    }
}

#[test]
fn the_key_is_not_shown() {
    let builder = Exporter::builder(Protocol::HttpProtobuf);
    let builder = builder.with_client_certificate(CLIENT, CLIENT_KEY);
    let exporter = builder.clone().build().unwrap();
    let secret = CLIENT_KEY.lines().nth(1).unwrap();
    for shown in [format!("{builder:?}"), format!("{exporter:?}")] {
        assert!(
            !shown.contains(secret) && !shown.contains("PRIVATE"),
            "{shown}"
        );
    }
}
