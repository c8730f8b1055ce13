//! A minimal protobuf reader: iterates over the fields of a message.

/// The value of a field.
pub(crate) enum Value<'a> {
    Number(u64),
    /// A `double`; other fields of eight bytes are read as one too.
    #[cfg_attr(not(feature = "jaeger-remote-sampler"), allow(dead_code))]
    Double(f64),
    Bytes(&'a [u8]),
}

/// Calls `each` with the fields that are numbers, doubles or bytes. `None` if the bytes are malformed.
pub(crate) fn fields<'a>(
    mut bytes: &'a [u8],
    mut each: impl FnMut(u64, Value<'a>) -> Option<()>,
) -> Option<()> {
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        match tag & 7 {
            0 => each(tag >> 3, Value::Number(varint(&mut bytes)?))?,
            1 => {
                let bits = take(&mut bytes, 8)?.first_chunk()?;
                each(tag >> 3, Value::Double(f64::from_le_bytes(*bits)))?;
            }
            2 => {
                let length = varint(&mut bytes)?;
                each(tag >> 3, Value::Bytes(take(&mut bytes, length)?))?;
            }
            5 => drop(take(&mut bytes, 4)?),
            _ => return None,
        }
    }
    Some(())
}

fn take<'a>(bytes: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let (front, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(front)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}
