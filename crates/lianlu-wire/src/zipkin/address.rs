//! IP addresses.

use std::str::FromStr;

use serde::de::Deserializer;

use super::text;

/// Reads an address. Anything else, such as a host name, counts as absent: it is no reason to
/// reject a batch.
pub(super) fn lenient<'de, D: Deserializer<'de>, A: FromStr>(
    deserializer: D,
) -> Result<Option<A>, D::Error> {
    text::nullable(deserializer).map(|address| address.parse().ok())
}
