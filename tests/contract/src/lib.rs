//! The contract as tables: every type with its layout, every function with its signature.
//!
//! For whoever moves values by hand: the guest, which checks its own tables against them when it is
//! compiled, the Go module, and the players of hosts in other languages. `cargo xtask generate` writes
//! them; a test says so when the contract has changed since.

use std::{fmt::Write as _, path::Path};

use serde_json::{Map, Value, json};
use wit_parser::{
    Function, Interface, Resolve, SizeAlign, Type, TypeDefKind, TypeId,
    abi::{AbiVariant, WasmType},
};

/// Returns the tables, each with its path in the repository.
///
/// # Errors
///
/// Returns one line if the contract cannot be read, or uses what no host of ours knows.
pub fn files() -> Result<[(&'static str, String); 2], String> {
    let contract = read()?;
    Ok([
        ("wit/contract.json", table(&contract)?),
        (
            "wasm/component/src/layout/contract.rs",
            assertions(&contract)?,
        ),
    ])
}

/// The contract, with the layout of its types in a 32-bit memory.
struct Contract {
    resolve: Resolve,
    sizes: SizeAlign,
}

fn read() -> Result<Contract, String> {
    let mut resolve = Resolve::default();
    resolve
        .push_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit"))
        .map_err(|e| format!("cannot read the contract: {e:#}"))?;
    let mut sizes = SizeAlign::default();
    sizes.fill(&resolve).map_err(|e| e.to_string())?;
    Ok(Contract { resolve, sizes })
}

/// Returns the table as JSON.
fn table(contract: &Contract) -> Result<String, String> {
    let mut types = Map::new();
    let (mut exports, mut imports) = (Map::new(), Map::new());
    for (name, interface) in interfaces(contract)? {
        for (name, id) in &interface.types {
            // A type that an interface only uses is described where it is declared.
            if !is_used(contract, *id) {
                types.insert(name.clone(), contract.declared(*id)?);
            }
        }
        let (side, variant) = match name {
            "storage" | "validator" => (&mut imports, AbiVariant::GuestImport),
            _ => (&mut exports, AbiVariant::GuestExport),
        };
        if !interface.functions.is_empty() {
            let functions: Result<Map<_, _>, String> = interface
                .functions
                .values()
                .map(|function| Ok((function.name.clone(), contract.function(function, variant)?)))
                .collect();
            side.insert(name.to_owned(), functions?.into());
        }
    }
    let package = json!({
        "package": "backstop:policy@0.1.0",
        "types": types,
        "exports": exports,
        "imports": imports,
    });
    Ok(format!("{package:#}\n"))
}

/// Returns what the guest's own tables must agree with, as constants that are checked when it is
/// compiled.
fn assertions(contract: &Contract) -> Result<String, String> {
    let mut text = String::from(
        "// Made from the contract by `cargo xtask generate`; not for editing.\n\n\
         use super::*;\n\n",
    );
    for (name, interface) in interfaces(contract)? {
        for (type_name, id) in &interface.types {
            let flat = FLATTENED.contains(&type_name.as_str());
            if is_used(contract, *id) || is_alias(contract, *id) || flat {
                continue;
            }
            let parts = match &contract.resolve.types[*id].kind {
                TypeDefKind::Record(record) => record
                    .fields
                    .iter()
                    .map(|field| field.name.replace('-', "_"))
                    .collect::<Vec<_>>(),
                TypeDefKind::Enum(cases) => {
                    cases.cases.iter().map(|case| pascal(&case.name)).collect()
                }
                TypeDefKind::Variant(variant) => variant
                    .cases
                    .iter()
                    .map(|case| pascal(&case.name))
                    .collect(),
                other => return Err(format!("`{type_name}` is a {}", other.as_str())),
            };
            // What only the use cases need is not in a guest without them.
            if name != "types" || type_name == "probe" {
                text.push_str("#[cfg(feature = \"policy\")]\n");
            }
            let of = Type::Id(*id);
            let _ = writeln!(
                text,
                "described!({}, {}, {}, \"{}\");",
                pascal(type_name),
                contract.sizes.size(&of).size_wasm32(),
                contract.sizes.align(&of).align_wasm32(),
                parts
                    .iter()
                    .map(|part| format!("{part} "))
                    .collect::<String>(),
            );
        }
    }
    Ok(text)
}

/// Records that are the payload of one case, whose fields the core keeps in the case itself.
const FLATTENED: [&str; 10] = [
    "backend-created",
    "backend-updated",
    "credentials-rotated",
    "default-changed",
    "fallbacks-changed",
    "policy-changed",
    "rejection",
    "roles",
    "route-changed",
    "status-changed",
];

fn interfaces(contract: &Contract) -> Result<Vec<(&str, &Interface)>, String> {
    let package = contract
        .resolve
        .packages
        .iter()
        .find(|(_, package)| package.name.namespace == "backstop")
        .ok_or("the contract has no package `backstop:policy`")?
        .1;
    Ok(package
        .interfaces
        .iter()
        .map(|(name, id)| (name.as_str(), &contract.resolve.interfaces[*id]))
        .collect())
}

/// Whether the type is another interface's, under whatever name.
fn is_used(contract: &Contract, id: TypeId) -> bool {
    match contract.resolve.types[id].kind {
        TypeDefKind::Type(Type::Id(of)) => {
            contract.resolve.types[of].owner != contract.resolve.types[id].owner
        }
        _ => false,
    }
}

fn is_alias(contract: &Contract, id: TypeId) -> bool {
    matches!(contract.resolve.types[id].kind, TypeDefKind::Type(_))
}

impl Contract {
    /// A declared type: what it consists of, and how it lies in memory.
    fn declared(&self, id: TypeId) -> Result<Value, String> {
        let of = Type::Id(id);
        let mut value = match &self.resolve.types[id].kind {
            TypeDefKind::Type(of) => return Ok(json!({ "alias": self.named(of)? })),
            TypeDefKind::Record(record) => {
                let types = record.fields.iter().map(|field| &field.ty);
                let offsets = self.sizes.field_offsets(types);
                let fields: Result<Vec<Value>, String> = record
                    .fields
                    .iter()
                    .zip(offsets)
                    .map(|(field, (offset, _))| {
                        Ok(json!({
                            "name": field.name,
                            "type": self.named(&field.ty)?,
                            "offset": offset.size_wasm32(),
                        }))
                    })
                    .collect();
                json!({ "record": fields? })
            }
            TypeDefKind::Enum(cases) => {
                let names: Vec<&str> = cases.cases.iter().map(|case| case.name.as_str()).collect();
                json!({ "enum": names })
            }
            TypeDefKind::Variant(variant) => {
                let cases: Result<Vec<Value>, String> = variant
                    .cases
                    .iter()
                    .map(|case| {
                        let payload = case.ty.as_ref().map(|of| self.named(of)).transpose()?;
                        Ok(json!({ "name": case.name, "type": payload }))
                    })
                    .collect();
                let payloads = variant.cases.iter().map(|case| case.ty.as_ref());
                let offset = self.sizes.payload_offset(variant.tag(), payloads);
                json!({ "variant": cases?, "payload-offset": offset.size_wasm32() })
            }
            other => {
                return Err(format!(
                    "a {} in the contract, which no host of ours knows",
                    other.as_str()
                ));
            }
        };
        value["size"] = json!(self.sizes.size(&of).size_wasm32());
        value["align"] = json!(self.sizes.align(&of).align_wasm32());
        Ok(value)
    }

    /// A type as it is mentioned: by its name, or by what it is made of.
    fn named(&self, of: &Type) -> Result<Value, String> {
        Ok(match of {
            Type::Bool => json!("bool"),
            Type::U32 => json!("u32"),
            Type::U64 => json!("u64"),
            Type::String => json!("string"),
            Type::Id(id) => {
                let def = &self.resolve.types[*id];
                match &def.kind {
                    // The name that an interface gives to another's type is not the type's own.
                    TypeDefKind::Type(of @ Type::Id(_)) if is_used(self, *id) => self.named(of)?,
                    _ if def.name.is_some() => json!(def.name),
                    TypeDefKind::Option(of) => json!({ "option": self.named(of)? }),
                    TypeDefKind::List(of) => json!({ "list": self.named(of)? }),
                    TypeDefKind::Result(result) => {
                        let side =
                            |of: &Option<Type>| of.as_ref().map(|of| self.named(of)).transpose();
                        json!({ "result": { "ok": side(&result.ok)?, "err": side(&result.err)? } })
                    }
                    other => return Err(format!("a nameless {} in the contract", other.as_str())),
                }
            }
            other => {
                return Err(format!(
                    "a {other:?} in the contract, which no host of ours knows"
                ));
            }
        })
    }

    fn function(&self, function: &Function, variant: AbiVariant) -> Result<Value, String> {
        let params: Result<Vec<Value>, String> = function
            .params
            .iter()
            .map(|param| Ok(json!({ "name": param.name, "type": self.named(&param.ty)? })))
            .collect();
        let result = function
            .result
            .as_ref()
            .map(|of| self.named(of))
            .transpose()?;
        let offsets = self
            .sizes
            .field_offsets(function.params.iter().map(|param| &param.ty));
        let signature = self.resolve.wasm_signature(variant, function);
        let core = |types: &[WasmType]| -> Vec<&str> {
            types
                .iter()
                .map(|of| match of {
                    WasmType::I64 | WasmType::PointerOrI64 => "i64",
                    WasmType::F32 => "f32",
                    WasmType::F64 => "f64",
                    WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
                })
                .collect()
        };
        let mut value = json!({
            "params": params?,
            "result": result,
            "core": { "params": core(&signature.params), "results": core(&signature.results) },
            "params-by-address": signature.indirect_params,
            "result-by-address": signature.retptr,
        });
        if signature.indirect_params {
            // Where each parameter lies behind the address that is passed.
            let record = self
                .sizes
                .record(function.params.iter().map(|param| &param.ty));
            value["param-offsets"] = offsets
                .iter()
                .map(|(offset, _)| offset.size_wasm32())
                .collect();
            value["params-size"] = json!(record.size.size_wasm32());
            value["params-align"] = json!(record.align.align_wasm32());
        }
        if let Some(of) = &function.result {
            value["result-size"] = json!(self.sizes.size(of).size_wasm32());
            value["result-align"] = json!(self.sizes.align(of).align_wasm32());
            if let Type::Id(id) = of
                && let TypeDefKind::Result(result) = &self.resolve.types[*id].kind
            {
                let sides = [result.ok.as_ref(), result.err.as_ref()];
                let offset = self.sizes.payload_offset(wit_parser::Int::U8, sides);
                value["result-payload-offset"] = json!(offset.size_wasm32());
            }
        }
        Ok(value)
    }
}

/// `max-blob-bytes` as `MaxBlobBytes`.
fn pascal(name: &str) -> String {
    name.split('-')
        .map(|word| {
            let mut letters = word.chars();
            letters
                .next()
                .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
                .unwrap_or_default()
        })
        .collect()
}
