//! Components of our world that do not behave.

use std::{collections::BTreeMap, path::Path};

/// Parameters that are one address, because they are more than sixteen numbers.
const ADDRESS: &str = "i32";
/// A string and a context.
const NUMBERS: &str = "i32 i32 i32 i32 i32 i32 i32 i64 i32 i64";

const FUNCTIONS: [(&str, &str); 16] = [
    ("planner#apply", ADDRESS),
    ("planner#check", ADDRESS),
    ("planner#create-organization", NUMBERS),
    ("planner#due", ADDRESS),
    ("planner#next-due", ADDRESS),
    ("planner#observe", ADDRESS),
    ("planner#plan", ADDRESS),
    ("planner#route-read", ADDRESS),
    ("planner#select", ADDRESS),
    ("control#create", ADDRESS),
    ("control#create-organization", NUMBERS),
    ("control#delete", NUMBERS),
    ("control#resolve", "i32 i64 i32 i32 i32 i32 i32 i64 i32 i64"),
    ("control#set-policy", ADDRESS),
    ("control#update", ADDRESS),
    ("control#validate", NUMBERS),
];

/// Returns a component of the world `policy` whose functions trap, but for those that are given, in
/// WebAssembly text, with the canonical ABI as it is.
pub(crate) fn component(bodies: &[(&str, &str)]) -> Vec<u8> {
    let bodies: BTreeMap<&str, &str> = bodies.iter().copied().collect();
    let functions: String = FUNCTIONS
        .iter()
        .map(|(function, parameters)| {
            let (interface, name) = function.split_once('#').unwrap();
            let body = bodies.get(function).unwrap_or(&"unreachable");
            format!(
                "(func (export \"backstop:policy/{interface}@0.1.0#{name}\") (param {parameters}) \
                 (result i32) {body})\n"
            )
        })
        .collect();
    assert!(
        bodies
            .keys()
            .all(|name| FUNCTIONS.iter().any(|(function, _)| function == name))
    );
    let module = format!(
        "(module
            (import \"backstop:policy/storage@0.1.0\" \"load\" (func $load (param i32 i32 i32)))
            (import \"backstop:policy/storage@0.1.0\" \"commit\"
                (func $commit (param i32 i32 i64 i64 i32 i32 i32 i32 i32)))
            (memory (export \"memory\") 3)
            (data (i32.const 512) \"ghost\")
            (global $next (mut i32) (i32.const 8192))
            (global $called (mut i32) (i32.const 0))
            (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32)
                (local $at i32)
                (local.set $at (i32.and
                    (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
                ;; What was passed first stays; the rest is overwritten in turns.
                (global.set $next (i32.add (local.get $at) (local.get 3)))
                (if (i32.gt_u (global.get $next) (i32.const 131072))
                    (then (global.set $next (i32.const 65536))))
                (local.get $at))
            {functions})"
    );
    let mut module = wat::parse_str(module).unwrap();
    let mut resolve = wit_parser::Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let (package, _) = resolve.push_path(wit).unwrap();
    let world = resolve.select_world(&[package], Some("policy")).unwrap();
    wit_component::embed_component_metadata(
        &mut module,
        &resolve,
        world,
        wit_component::StringEncoding::UTF8,
        false,
    )
    .unwrap();
    wit_component::ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .unwrap()
        .encode()
        .unwrap()
}
