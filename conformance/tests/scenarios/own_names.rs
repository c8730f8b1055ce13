//! Names that the conventions do not have are in lianlu's own registry, so that a live check of a
//! service finds nothing unknown.

use std::collections::BTreeSet;
use std::fs::{read_dir, read_to_string};
use std::path::Path;

/// The names in string literals of the code below `folder` that begin with `lianlu.`.
fn of_code(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            of_code(&path, names);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = read_to_string(&path).unwrap();
            for rest in text.split("\"lianlu.").skip(1) {
                let end = rest.find('"').unwrap();
                // A name, not a prefix.
                if end > 0 {
                    names.insert(format!("lianlu.{}", &rest[..end]));
                }
            }
        }
    }
}

#[test]
fn own_names_are_in_the_registry() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = BTreeSet::new();
    for member in ["lianlu", "lianlu-sdk"] {
        of_code(&root.join("../crates").join(member).join("src"), &mut code);
    }
    let registry = read_to_string(root.join("registry/lianlu.yaml")).unwrap();
    let name = |line: &str| {
        let line = line.trim();
        let name = line
            .strip_prefix("- id: ")
            .or(line.strip_prefix("metric_name: "))?;
        name.starts_with("lianlu.").then(|| name.to_owned())
    };
    let registry: BTreeSet<String> = registry.lines().filter_map(name).collect();
    assert_eq!(code, registry);
    assert!(code.len() > 10);
}
