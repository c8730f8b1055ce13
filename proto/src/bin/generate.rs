//! Writes `src/generated/` from `proto/`: `cargo run -p lianlu-protos --features generate`.

use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = root.join("src/generated");
    std::fs::create_dir_all(&out)?;
    let source = root.join("proto");
    tonic_prost_build::configure()
        .out_dir(&out)
        .file_descriptor_set_path(out.join("helloworld.bin"))
        .compile_protos(
            &[source.join("helloworld/helloworld.proto")],
            &[source.clone()],
        )?;
    tonic_prost_build::configure().out_dir(&out).compile_protos(
        &[
            source.join("shop/v1/shop.proto"),
            source.join("testing/echo.proto"),
        ],
        &[source],
    )
}
