//! Runs the targets on the corpus, without a fuzzer.

use std::path::{Path, PathBuf};
use std::{fs, thread};

use lianlu_fuzz::{Body, TARGETS, seeds};

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target)
}

fn files(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let listed = fs::read_dir(folder(target)).expect("a folder of the target's name in corpus/");
    listed
        .map(|file| file.expect("a file").path())
        .map(|path| {
            (
                path.clone(),
                fs::read(path).expect("a file that can be read"),
            )
        })
        .collect()
}

#[test]
fn every_file_passes() {
    let run = |(target, body): &'static (&str, Body)| {
        for (path, bytes) in files(target) {
            let passed = std::panic::catch_unwind(|| body(&bytes)).is_ok();
            assert!(passed, "{} fails, see above", path.display());
        }
    };
    let threads: Vec<_> = TARGETS
        .iter()
        .map(|target| thread::spawn(move || run(target)))
        .collect();
    for thread in threads {
        thread.join().expect("what a target asks holds");
    }
}

#[test]
fn every_target_has_a_file_and_a_small_corpus() {
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("targets");
    let mut named: Vec<_> = fs::read_dir(targets)
        .expect("targets/")
        .map(|file| file.expect("a file").path())
        .map(|path| {
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    named.sort();
    assert_eq!(
        named,
        TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>()
    );
    for (target, _) in TARGETS {
        let files = files(target);
        let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(
            files.len() <= 60,
            "{target}: {} files, make them fewer",
            files.len()
        );
        assert!(bytes <= 150_000, "{target}: {bytes} bytes, above the limit");
    }
}

#[test]
fn the_seeds_are_those_of_the_code() {
    for (target, _) in TARGETS {
        let mut written: Vec<_> = seeds::of(target)
            .into_iter()
            .map(|seed| (folder(target).join(seed.file_name()), seed.bytes))
            .collect();
        let mut found = files(target);
        found.retain(|(path, _)| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(seeds::PREFIX))
        });
        written.sort();
        found.sort();
        assert!(
            written == found,
            "{target}: run `cargo run --bin seeds` in fuzz/"
        );
    }
}
