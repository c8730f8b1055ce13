//! Reads the method names, and nothing else, from an encoded `FileDescriptorSet`.
//!
//! ```text
//! FileDescriptorSet { file = 1: FileDescriptorProto }
//! FileDescriptorProto { package = 2: string, service = 6: ServiceDescriptorProto }
//! ServiceDescriptorProto { name = 1: string, method = 2: MethodDescriptorProto }
//! MethodDescriptorProto { name = 1: string }
//! ```

/// The error for bytes that are not a valid `FileDescriptorSet`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a FileDescriptorSet: byte {offset}: {why}")]
pub struct DescriptorError {
    offset: usize,
    why: &'static str,
}

/// The full name, `package.Service/Method`, of every method.
pub(crate) fn methods(encoded: &[u8]) -> Result<Vec<String>, DescriptorError> {
    let mut methods = Vec::new();
    for file in fields(encoded, 0, 1)? {
        let package = fields(file.bytes, file.offset, 2)?;
        let package = package.last().map(Field::text).transpose()?.unwrap_or("");
        for service in fields(file.bytes, file.offset, 6)? {
            let service_name = name(&service)?;
            for method in fields(service.bytes, service.offset, 2)? {
                let method = name(&method)?;
                let dot = if package.is_empty() { "" } else { "." };
                methods.push(format!("{package}{dot}{service_name}/{method}"));
            }
        }
    }
    Ok(methods)
}

/// A length-delimited field and its offset in the whole input.
#[derive(Debug, Clone, Copy)]
struct Field<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Field<'a> {
    fn text(&self) -> Result<&'a str, DescriptorError> {
        std::str::from_utf8(self.bytes).map_err(|_| error(self.offset, "a name is not UTF-8"))
    }
}

fn name<'a>(message: &Field<'a>) -> Result<&'a str, DescriptorError> {
    match fields(message.bytes, message.offset, 1)?.last() {
        Some(name) => name.text(),
        None => Err(error(message.offset, "a service or method has no name")),
    }
}

fn error(offset: usize, why: &'static str) -> DescriptorError {
    DescriptorError { offset, why }
}

/// The length-delimited fields of a message with this field number.
fn fields(message: &[u8], offset: usize, number: u64) -> Result<Vec<Field<'_>>, DescriptorError> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < message.len() {
        let tag = varint(message, &mut at).ok_or(error(offset + at, "truncated tag"))?;
        let skipped = match tag & 7 {
            0 => varint(message, &mut at).map(|_| 0),
            1 => Some(8),
            2 => varint(message, &mut at).and_then(|length| usize::try_from(length).ok()),
            5 => Some(4),
            _ => return Err(error(offset + at, "invalid wire type")),
        };
        let field = skipped.and_then(|length| message.get(at..at.checked_add(length)?));
        let bytes = field.ok_or(error(offset + at, "truncated field"))?;
        if tag >> 3 == number && tag & 7 == 2 {
            found.push(Field {
                bytes,
                offset: offset + at,
            });
        }
        at += bytes.len();
    }
    Ok(found)
}

fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2, u8::try_from(bytes.len()).unwrap()];
        out.extend_from_slice(bytes);
        out
    }

    fn set(package: Option<&str>) -> Vec<u8> {
        let method = field(1, b"SayHello");
        let service = [field(1, b"Greeter"), field(2, &method)].concat();
        let mut file = vec![8 << 3, 7];
        if let Some(package) = package {
            file.extend(field(2, package.as_bytes()));
        }
        file.extend(field(6, &service));
        field(1, &file)
    }

    #[test]
    fn reads_full_method_names() {
        assert_eq!(
            methods(&set(Some("a.b"))).unwrap(),
            ["a.b.Greeter/SayHello"]
        );
        assert_eq!(methods(&set(None)).unwrap(), ["Greeter/SayHello"]);
        assert_eq!(methods(&[]).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn truncated_or_corrupt_input_does_not_panic() {
        let whole = set(Some("a.b"));
        for end in 1..whole.len() {
            assert!(methods(&whole[..end]).is_err(), "{end}");
        }
        for at in 0..whole.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut corrupt = whole.clone();
                corrupt[at] ^= flip;
                let _ = methods(&corrupt);
            }
        }
        let error = methods(&whole[..5]).unwrap_err();
        assert!(error.to_string().contains("byte"), "{error}");
    }
}
