//! What is committed although it could be made is what would be made.

use std::{fs, path::Path};

use backstop_conformance::generate::{core_module, files};

#[test]
fn what_is_committed_is_what_is_made() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let made = files().unwrap();
    assert_eq!(made.len(), 5);
    for file in made {
        let committed = fs::read(root.join(&file.path)).unwrap_or_default();
        assert!(
            committed == file.contents,
            "`{}` is not what the contract and the component make of it now; `cargo xtask generate` writes it",
            file.path.display()
        );
    }
}

#[test]
fn what_is_no_component_has_no_core_module() {
    for bytes in [&b""[..], b"text", b"\0asm\x0d\0\x01\0"] {
        let problem = core_module(bytes).unwrap_err();
        assert!(problem.contains("component"), "{problem}");
    }
}
