//! GraphiQL is built by `web/` and embedded when it is there; without it the crate still compiles.

fn main() -> std::io::Result<()> {
    let folder = std::path::Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default())
        .join("../web/dist/graphiql");
    println!("cargo::rerun-if-changed={}", folder.display());
    std::fs::create_dir_all(folder)
}
