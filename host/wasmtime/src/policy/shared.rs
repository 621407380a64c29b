//! The engine, and the component ready to be instantiated.

use std::{
    borrow::Cow,
    fs::File,
    io::Read,
    path::Path,
    sync::{Mutex, OnceLock, PoisonError},
};

use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use wasmtime::{
    Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Precompiled, Store,
    component::{Component, ComponentExportIndex, HasSelf, InstancePre, Linker},
};

use super::{
    Description, Limits, PolicyError,
    bindings::{
        Policy as World,
        exports::backstop::policy::{control, planner},
    },
    engine,
    error::Chain,
    limits::State,
    planner::Live,
    ticker::Ticker,
};

/// The world that a component must be of.
pub(super) const WORLD: &str = "backstop:policy/policy@0.1.0";
const CONTROL: &str = "backstop:policy/control@0.1.0";
const PLANNER: &str = "backstop:policy/planner@0.1.0";
const IMPORTS: [&str; 3] = [
    "backstop:policy/storage@0.1.0",
    "backstop:policy/types@0.1.0",
    "backstop:policy/validator@0.1.0",
];

/// The components that come with the program, in both forms.
pub(super) const POLICY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/policy.component.wasm"));
pub(super) const PREVIEW: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/preview.component.wasm"));
const POLICY_CODE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/policy.component.cwasm"));
const PREVIEW_CODE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/preview.component.cwasm"));

/// How many use cases run at once. More wait for their turn.
const CALLS: u32 = 64;
/// How many planners there can be at once.
const PLANNERS: u32 = 64;
/// How many planner instances are kept for the next planner.
const IDLE: usize = 16;

/// What all users of a policy share.
pub(super) struct Shared {
    pub(super) engine: Engine,
    pub(super) control: InstancePre<State>,
    pub(super) exports: Exports,
    /// One permit for each use case that may run.
    pub(super) gate: Semaphore,
    component: Component,
    /// The component as it was given.
    bytes: Cow<'static, [u8]>,
    description: OnceLock<Description>,
    planner: OnceLock<Pure>,
    idle: Mutex<Vec<Live>>,
    _ticker: Ticker,
}

/// The functions of `control`.
pub(super) struct Exports {
    pub(super) create: ComponentExportIndex,
    pub(super) create_organization: ComponentExportIndex,
    pub(super) delete: ComponentExportIndex,
    pub(super) resolve: ComponentExportIndex,
    pub(super) set_policy: ComponentExportIndex,
    pub(super) update: ComponentExportIndex,
    pub(super) validate: ComponentExportIndex,
}

/// A component whose pure functions can be asked.
struct Pure {
    component: InstancePre<State>,
    functions: planner::GuestIndices,
}

impl Shared {
    /// Sets up the components that come with the program.
    pub(super) fn embedded() -> Result<Self, PolicyError> {
        let engine = engine()?;
        let component = trusted(&engine, POLICY_CODE).map_err(setup)?;
        Self::new(engine, component, POLICY.into(), OnceLock::new()).map_err(setup)
    }

    /// Sets up the component of a file, see [`super::Policy::from_file`].
    pub(super) fn from_file(path: &Path, limits: &Limits) -> Result<Self, PolicyError> {
        let engine = engine()?;
        let file = || path.to_owned();
        let (bytes, exposed) = read(path).map_err(|source| PolicyError::Unreadable {
            file: file(),
            source,
        })?;
        let component = match Engine::detect_precompiled(&bytes) {
            Some(Precompiled::Component) if exposed => {
                return Err(PolicyError::Untrusted { file: file() });
            }
            Some(Precompiled::Component) => {
                trusted(&engine, &bytes).map_err(|error| PolicyError::Incompatible {
                    file: file(),
                    reason: Chain(&error).to_string(),
                })?
            }
            Some(Precompiled::Module) => return Err(PolicyError::Module { file: file() }),
            None => match bytes.get(..8) {
                Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => {
                    return Err(PolicyError::Module { file: file() });
                }
                Some([0, b'a', b's', b'm', ..]) => Component::from_binary(&engine, &bytes)
                    .map_err(|error| PolicyError::Invalid {
                        file: file(),
                        reason: Chain(&error).to_string(),
                    })?,
                _ => return Err(PolicyError::NotWasm { file: file() }),
            },
        };
        let of_world = |reason| PolicyError::World {
            file: file(),
            reason,
        };
        names(&engine, &component).map_err(of_world)?;
        let mismatch = |error: wasmtime::Error| of_world(Chain(&error).to_string());
        let pure = Pure::of_any(&engine, &component).map_err(mismatch)?;
        pure.try_out(&engine, limits, mismatch)?;
        let planner = OnceLock::from(pure);
        Self::new(engine, component, bytes.into(), planner).map_err(mismatch)
    }

    fn new(
        engine: Engine,
        component: Component,
        bytes: Cow<'static, [u8]>,
        planner: OnceLock<Pure>,
    ) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(&engine);
        World::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut State| state)?;
        let ticker = Ticker::start(&engine)?;
        Ok(Self {
            exports: Exports::of(&component)?,
            control: linker.instantiate_pre(&component)?,
            gate: Semaphore::new(CALLS as usize),
            description: OnceLock::new(),
            idle: Mutex::default(),
            _ticker: ticker,
            bytes,
            component,
            engine,
            planner,
        })
    }

    pub(super) fn description(&self) -> &Description {
        self.description.get_or_init(|| {
            let component = self.component.component_type();
            let name = |name: &str| name.to_owned();
            Description {
                sha256: Sha256::digest(&self.bytes)
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect(),
                size: self.bytes.len(),
                world: WORLD.to_owned(),
                version: WORLD.rsplit('@').next().map(name).unwrap_or_default(),
                imports: component
                    .imports(&self.engine)
                    .map(|(interface, _)| name(interface))
                    .collect(),
                exports: component
                    .exports(&self.engine)
                    .map(|(interface, _)| name(interface))
                    .collect(),
            }
        })
    }

    /// Returns an instance for pure functions: one that was handed on, or a fresh one.
    pub(super) fn planner(&self, limits: &Limits) -> Result<Live, PolicyError> {
        if let Some(mut live) = self.idle().pop() {
            live.store.data_mut().allow(limits);
            return Ok(live);
        }
        let pure = match self.planner.get() {
            Some(pure) => pure,
            None => {
                let pure = Pure::embedded(&self.engine).map_err(setup)?;
                self.planner.get_or_init(|| pure)
            }
        };
        pure.instantiate(&self.engine, limits)
            .map_err(|error| PolicyError::of_call(&error, limits))
    }

    /// Takes an instance back for whoever needs one next.
    pub(super) fn keep(&self, live: Live) {
        let mut idle = self.idle();
        if idle.len() < IDLE {
            idle.push(live);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Live>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exports {
    fn of(component: &Component) -> wasmtime::Result<Self> {
        let missing = |name: &str| wasmtime::Error::msg(format!("it does not export `{name}`"));
        let (_, control) = component
            .get_export(None, CONTROL)
            .ok_or_else(|| missing(CONTROL))?;
        let function = |name: &str| {
            let found = component.get_export_index(Some(&control), name);
            found.ok_or_else(|| missing(name))
        };
        Ok(Self {
            create: function("create")?,
            create_organization: function("create-organization")?,
            delete: function("delete")?,
            resolve: function("resolve")?,
            set_policy: function("set-policy")?,
            update: function("update")?,
            validate: function("validate")?,
        })
    }
}

impl Pure {
    /// The component of the world `preview`: its linker has nothing to give.
    fn embedded(engine: &Engine) -> wasmtime::Result<Self> {
        Self::new(Linker::new(engine), &trusted(engine, PREVIEW_CODE)?)
    }

    /// A component of the world `policy`: what a pure function asks the host for is an error.
    fn of_any(engine: &Engine, component: &Component) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(engine);
        linker.define_unknown_imports_as_traps(component)?;
        Self::new(linker, component)
    }

    fn new(linker: Linker<State>, component: &Component) -> wasmtime::Result<Self> {
        let component = linker.instantiate_pre(component)?;
        Ok(Self {
            functions: planner::GuestIndices::new(&component)?,
            component,
        })
    }

    fn instantiate(&self, engine: &Engine, limits: &Limits) -> wasmtime::Result<Live> {
        let mut store = store(engine, State::new(limits, None));
        store.set_epoch_deadline(Limits::ticks(limits.time));
        let instance = self.component.instantiate(&mut store)?;
        let guest = self.functions.load(&mut store, &instance)?;
        Ok(Live { store, guest })
    }

    /// Looks at the functions of both interfaces before anybody calls them.
    fn try_out(
        &self,
        engine: &Engine,
        limits: &Limits,
        mismatch: impl Fn(wasmtime::Error) -> PolicyError,
    ) -> Result<(), PolicyError> {
        let mut store = store(engine, State::new(limits, None));
        store.set_epoch_deadline(Limits::ticks(limits.time));
        let ticker = Ticker::start(engine).map_err(|error| setup(error.into()))?;
        let instance = self
            .component
            .instantiate(&mut store)
            .map_err(|error| PolicyError::of_call(&error, limits))?;
        drop(ticker);
        self.functions
            .load(&mut store, &instance)
            .and_then(|_| control::GuestIndices::new(&self.component)?.load(&mut store, &instance))
            .map(|_| ())
            .map_err(mismatch)
    }
}

/// Returns a store for one instance.
pub(super) fn store(engine: &Engine, state: State) -> Store<State> {
    let mut store = Store::new(engine, state);
    store.limiter(|state| state);
    store
}

fn engine() -> Result<Engine, PolicyError> {
    // Address space is reserved once and instances are taken from it. Where a process may not
    // reserve that much, they are made one by one, which takes longer and is otherwise the same.
    let mut config = engine::config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
    Engine::new(&config)
        .or_else(|_| Engine::new(&engine::config()))
        .map_err(setup)
}

fn pool() -> PoolingAllocationConfig {
    const INSTANCES: u32 = CALLS + PLANNERS;
    /// A component is a few core modules: the program, and the glue around it.
    const PARTS: u32 = 4;
    /// What an instance of the policy writes to; more is given back to the system after the call.
    const RESIDENT: usize = 256 << 10;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(INSTANCES)
        .total_core_instances(INSTANCES * PARTS)
        .total_memories(INSTANCES)
        .total_tables(INSTANCES * PARTS)
        .total_stacks(CALLS)
        .linear_memory_keep_resident(RESIDENT)
        .table_keep_resident(RESIDENT);
    pool
}

/// Loads machine code.
#[expect(
    unsafe_code,
    reason = "machine code does what it says; see the comment"
)]
fn trusted(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the code was made by `Engine::precompile_component`. Of what is embedded, `build.rs`
    // saw to that. Of a file, the operator says so by naming it, as of a program that they run; that
    // nobody else could have written to it was checked before. The header, the version and the
    // configuration are checked by `deserialize`, which refuses what does not fit.
    unsafe { Component::deserialize(engine, code) }
}

/// Returns the bytes of a file, and whether anybody but this user and root could have written them.
fn read(path: &Path) -> std::io::Result<(Vec<u8>, bool)> {
    const MOST: u64 = 64 << 20;
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    // What is no regular file may not end.
    if !metadata.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        return Err(std::io::Error::other("it is larger than 64 MiB"));
    }
    #[cfg(unix)]
    let exposed = {
        use std::os::unix::fs::MetadataExt;

        const OTHERS: u32 = 0o022;
        const ROOT: u32 = 0;
        let ours = [ROOT, rustix::process::geteuid().as_raw()].contains(&metadata.uid());
        metadata.mode() & OTHERS != 0 || !ours
    };
    #[cfg(not(unix))]
    let exposed = false;
    Ok((bytes, exposed))
}

/// Checks what a component imports and exports, by name.
fn names(engine: &Engine, component: &Component) -> Result<(), String> {
    let world = component.component_type();
    for (name, _) in world.imports(engine) {
        if !IMPORTS.contains(&name) {
            return Err(format!("it imports `{name}`"));
        }
    }
    let exports: Vec<&str> = world.exports(engine).map(|(name, _)| name).collect();
    for wanted in [PLANNER, CONTROL] {
        if !exports.contains(&wanted) {
            return Err(format!("it does not export `{wanted}`"));
        }
    }
    Ok(())
}

fn setup(error: wasmtime::Error) -> PolicyError {
    PolicyError::Engine(Chain(&error).to_string())
}
