//! Writes the seeds to `corpus/`, and replaces existing ones.

use std::path::Path;
use std::{fs, io};

use lianlu_fuzz::{TARGETS, seeds};

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (target, _) in TARGETS {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder)?;
        for file in fs::read_dir(&folder)? {
            let file = file?;
            if file
                .file_name()
                .to_string_lossy()
                .starts_with(seeds::PREFIX)
            {
                fs::remove_file(file.path())?;
            }
        }
        for seed in seeds::of(target) {
            fs::write(folder.join(seed.file_name()), &seed.bytes)?;
        }
    }
    Ok(())
}
