//! Skips unknown values.

use super::{DecodeError, Kind, Read};

/// Maximum depth of structs and containers in an unknown field, as in Apache's libraries.
const DEPTH_LIMIT: usize = 64;

/// Skips a value. Time is linear in its bytes: every element takes at least one.
pub(crate) fn skip<'a>(reader: &mut impl Read<'a>, kind: Kind) -> Result<(), DecodeError> {
    skip_below(reader, kind, DEPTH_LIMIT)
}

fn skip_below<'a>(
    reader: &mut impl Read<'a>,
    kind: Kind,
    levels: usize,
) -> Result<(), DecodeError> {
    let container = match kind {
        Kind::List => "list",
        Kind::Set => "set",
        Kind::Map | Kind::Struct => "",
        _ => return reader.skip_scalar(kind),
    };
    let Some(levels) = levels.checked_sub(1) else {
        return Err(DecodeError::TooDeep {
            at: reader.at(),
            limit: DEPTH_LIMIT,
        });
    };
    match kind {
        Kind::Struct => {
            let outer = reader.struct_begin();
            while let Some(field) = reader.field()? {
                skip_below(reader, field.kind, levels)?;
            }
            reader.struct_end(outer);
        }
        Kind::Map => {
            if let Some((key, value, pairs)) = reader.map_begin()? {
                for _ in 0..pairs {
                    skip_below(reader, key, levels)?;
                    skip_below(reader, value, levels)?;
                }
            }
        }
        _ => {
            let (kind, elements) = reader.list_begin(container, 1)?;
            for _ in 0..elements {
                skip_below(reader, kind, levels)?;
            }
        }
    }
    Ok(())
}
