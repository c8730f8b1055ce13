use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn parse(value: &str) -> Result<TraceParent, TraceParentError> {
    TraceParent::parse(value.as_bytes())
}

#[test]
fn valid() {
    let plain = format!("00-{TRACE}-{PARENT}-01");
    for value in [
        plain.clone(),
        format!(" \t{plain}\t "),
        format!("cc-{TRACE}-{PARENT}-01"),
        format!("cc-{TRACE}-{PARENT}-01-"),
        format!("cc-{TRACE}-{PARENT}-01-what-the-future-will-be-like"),
        format!("01-{TRACE}-{PARENT}-fd"),
    ] {
        let parsed = parse(&value).unwrap();
        assert_eq!(parsed.flags, 1, "{value}");
        assert_eq!(parsed.to_string(), plain, "{value}");
    }
}

#[test]
fn invalid() {
    use TraceParentError::*;
    for (value, error) in [
        (String::new(), Length { found: 0 }),
        (format!("00-{TRACE}-{PARENT}-0"), Length { found: 54 }),
        (format!("00-{TRACE}-{PARENT}-01."), Length { found: 56 }),
        (format!("00-{TRACE}-{PARENT}-01-x"), Length { found: 57 }),
        (format!("cc-{TRACE}-{PARENT}-01.x"), Delimiter { at: 55 }),
        (format!("ff-{TRACE}-{PARENT}-01"), Version),
        (format!("FF-{TRACE}-{PARENT}-01"), Version),
        (format!(".0-{TRACE}-{PARENT}-01"), Version),
        (format!("0.-{TRACE}-{PARENT}-01"), Version),
        (format!("000-{TRACE}-{PARENT}-01"), Delimiter { at: 2 }),
        (format!("00-{TRACE}3-{PARENT}-01"), Delimiter { at: 35 }),
        (format!("00-{TRACE}_{PARENT}-01"), Delimiter { at: 35 }),
        (format!("00-{TRACE}-{PARENT}_01"), Delimiter { at: 52 }),
        (format!("00-{TRACE}-{PARENT}-.1"), Flags),
        (format!("00-{TRACE}-{PARENT}-0A"), Flags),
        (format!("00-{}-{PARENT}-01", TRACE.to_uppercase()), TraceId),
        (format!("00-{}-{PARENT}-01", "0".repeat(32)), TraceId),
        (format!("00-{TRACE}-{}-01", PARENT.to_uppercase()), ParentId),
        (format!("00-{TRACE}-{}-01", "0".repeat(16)), ParentId),
        (format!("00-{TRACE} -{PARENT}-1"), Delimiter { at: 35 }),
    ] {
        assert_eq!(parse(&value), Err(error), "{value}");
    }
}

#[test]
fn only_known_flags_pass() {
    for version in ["00", "cc"] {
        for flags in 0..=u8::MAX {
            let parsed = parse(&format!("{version}-{TRACE}-{PARENT}-{flags:02x}")).unwrap();
            assert_eq!(parsed.flags, flags & 3);
            assert_eq!(
                (parsed.is_sampled(), parsed.is_random()),
                (flags & 1 == 1, flags & 2 == 2)
            );
        }
    }
    let loud = TraceParent {
        flags: 0xff,
        ..parse(&format!("00-{TRACE}-{PARENT}-00")).unwrap()
    };
    assert!(loud.to_string().ends_with("-03"));
}
