//! Ids: numbers in memory, hex digits in JSON.

/// Trace ids: 1 to 32 digits are read, 32 or 16 written.
pub(super) mod trace {
    use serde::{Deserializer, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(
        id: &u128,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match u64::try_from(*id) {
            Ok(low) => serializer.collect_str(&format_args!("{low:016x}")),
            Err(_) => serializer.collect_str(&format_args!("{id:032x}")),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<u128, D::Error> {
        super::read(
            deserializer,
            32,
            "traceId of 1 to 32 hex digits that are not all 0",
        )
    }
}

/// Span ids: 1 to 16 digits are read, 16 written.
pub(super) mod span {
    use serde::de::Error;
    use serde::{Deserializer, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(
        id: &u64,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{id:016x}"))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<u64, D::Error> {
        let id = super::read(
            deserializer,
            16,
            "id of 1 to 16 hex digits that are not all 0",
        )?;
        u64::try_from(id).map_err(D::Error::custom)
    }
}

/// Parent ids: like span ids; `null`, empty and all 0 mean a root span.
pub(super) mod parent {
    use serde::de::Error;
    use serde::{Deserializer, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(
        id: &Option<u64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match id {
            Some(id) => super::span::serialize(id, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<u64>, D::Error> {
        let digits = super::text::nullable(deserializer)?;
        if digits.bytes().all(|digit| digit == b'0') {
            return Ok(None);
        }
        let id = super::parse(&digits, 16)
            .ok_or(D::Error::custom("expected parentId of 1 to 16 hex digits"))?;
        u64::try_from(id).map(Some).map_err(D::Error::custom)
    }
}

use serde::de::{Deserializer, Error};

use super::text;

fn read<'de, D: Deserializer<'de>>(
    deserializer: D,
    digits: usize,
    expected: &str,
) -> Result<u128, D::Error> {
    let id = parse(&text::nullable(deserializer)?, digits).filter(|id| *id != 0);
    id.ok_or_else(|| D::Error::custom(format_args!("expected {expected}")))
}

/// Digits in either case, because old clients write upper case.
fn parse(text: &str, digits: usize) -> Option<u128> {
    let all_digits = text.len() <= digits && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    if all_digits {
        u128::from_str_radix(text, 16).ok()
    } else {
        None
    }
}
