//! The commands.

use std::{
    collections::BTreeMap,
    env,
    io::{self, BufRead, IsTerminal, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use backstop_core::{
    Backend, BackendId, By, Code, Command as Change, Context, Create, Event, FailureClass, Kind,
    Mode, Name, Outcome, Refusal, Request, Roster, Update,
};
use serde::Serialize;

use super::{
    Problem,
    args::{
        AddArgs, AddCommand, BackendCommand, ChangeArgs, Command, EventsArgs, Global, ModeArg,
        OrganizationCommand, Output, PolicyArgs, ResolveArgs, RouteReadArgs, UpdateArgs,
    },
    credentials, exit,
    explain::{self, About},
    preview,
    print::{self, Preview, print},
    size::{format_size, parse_size},
};
use crate::{
    BackendChange, Changed, Checked, ControlPlane, Error, NewBackend, Policy, new_id, now,
    probe::{Bucket, Container, Credentials, Limits, Provider, Repository},
    record,
    secret::KeySource,
    store::{self, Address, EventRange, SqliteOptions, Store, StoreError},
};

/// The organization of those who name none.
const DEFAULT_ORGANIZATION: &str = "default";

/// A variable that is set to nothing is one that is not set.
fn set(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.is_empty())
}

/// Says whether an organization is the one that nobody needs to create.
fn is_everybodys(context: &Context) -> bool {
    context.organization == DEFAULT_ORGANIZATION
}

/// Runs a command that needs the database.
pub(super) async fn run(global: &Global, command: Command) -> Result<u8, Problem> {
    let app = App::open(global).await?;
    let done = app.run(command).await;
    app.plane.store().close().await;
    done
}

/// Returns when somebody wants the program to end: a person, an init system or a closed terminal.
pub(super) async fn interrupt() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};

        let kinds = [
            SignalKind::hangup(),
            SignalKind::interrupt(),
            SignalKind::terminate(),
        ];
        let [Ok(mut hangup), Ok(mut interrupt), Ok(mut terminate)] = kinds.map(signal) else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = hangup.recv() => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Prints what a component is.
pub(super) fn describe_component(global: &Global, file: Option<&Path>) -> Result<u8, Problem> {
    let policy = load_policy(file.or(global.component.as_deref()))?;
    let description = policy.description();
    let list = |items: &[String]| {
        if items.is_empty() {
            vec!["none".to_owned()]
        } else {
            items.to_vec()
        }
    };
    let fields = [
        ("WORLD", vec![description.world.clone()]),
        ("VERSION", vec![description.version.clone()]),
        ("SHA-256", vec![description.sha256.clone()]),
        ("SIZE", vec![format!("{} bytes", description.size)]),
        ("IMPORTS", list(&description.imports)),
        ("EXPORTS", list(&description.exports)),
    ];
    print(global.output, &record::Component::from(description), || {
        let rows = fields.iter().flat_map(|(field, values)| {
            let labels = std::iter::once(*field).chain(std::iter::repeat(""));
            labels
                .zip(values)
                .map(|(label, value)| [label.to_owned(), value.clone()])
        });
        print::table(["FIELD", "VALUE"], rows)
    })?;
    Ok(exit::DONE)
}

fn load_policy(file: Option<&Path>) -> Result<Policy, Problem> {
    let policy = match file {
        Some(file) => Policy::from_file(file),
        None => Policy::embedded(),
    };
    policy.map_err(|error| Problem::of(&error.into(), &About::default()))
}

struct App<'g> {
    global: &'g Global,
    plane: ControlPlane,
}

impl<'g> App<'g> {
    async fn open(global: &'g Global) -> Result<Self, Problem> {
        let failed = |error: StoreError| Problem::of(&error.into(), &About::default());
        // A directory that somebody named is theirs to make; the one of the platform is ours.
        let (address, create_directory) = match set(global.database.as_deref()) {
            Some(address) => (address.parse().map_err(failed)?, false),
            None => (Address::Sqlite(default_database()?), true),
        };
        let Address::Sqlite(path) = &address;
        let mut beside = path.clone().into_os_string();
        beside.push(".key");
        let keys = KeySource::choose(global.key_file.clone(), beside.into());
        let keys = keys.map_err(|error| Problem::of(&error.into(), &About::default()))?;
        let options = SqliteOptions {
            create_directory,
            ..SqliteOptions::default()
        };
        let store: Arc<dyn Store> = store::open(&address, &options).await.map_err(failed)?;
        let limits = Limits {
            deadline: global.probe_timeout,
            allow_private: global.allow_private,
        };
        let policy = load_policy(global.component.as_deref())?;
        let plane = ControlPlane::new(policy, store, keys).with_limits(limits);
        Ok(Self { global, plane })
    }

    async fn run(&self, command: Command) -> Result<u8, Problem> {
        match command {
            Command::Backend(command) => self.backend(command).await,
            Command::Organization(command) => self.organization(command).await,
            Command::Resolve(args) => self.resolve(&args).await,
            Command::RouteRead(args) => self.route_read(&args).await,
            Command::Events(args) => self.events(&args).await,
            Command::Preview { listen, .. } => self.preview(listen).await,
            Command::Component { .. } | Command::Completions { .. } => Ok(exit::DONE),
        }
    }

    /// Returns the context of a command on an organization; the one that nobody needs to name is
    /// created on its first use.
    async fn context(&self, named: Option<&str>) -> Result<Context, Problem> {
        let context = self.asking(named)?;
        if is_everybodys(&context) && !self.exists(&context).await? {
            match self.plane.create_organization(&context).await {
                Ok(_) => {}
                // Somebody else was here first.
                Err(Error::Refused { codes, .. }) if codes == [Code::OrganizationTaken] => {}
                Err(error) => return Err(self.problem(&error, &context)),
            }
        }
        Ok(context)
    }

    /// Returns the context of a command that changes something, and the roster that it starts from.
    /// A dry run starts from what the first use would create, and does not create it.
    async fn start(&self, change: &ChangeArgs) -> Result<(Context, Roster), Problem> {
        let context = self.asking(None)?;
        if change.dry_run && is_everybodys(&context) && !self.exists(&context).await? {
            let mut planner = self.plane.policy().planner();
            let planned = planner.create_organization(&new_id().into(), &context);
            let planned = planned.map_err(|error| self.problem(&error.into(), &context))?;
            let refused = |codes| {
                self.problem(
                    &Error::Refused {
                        codes,
                        failure: None,
                    },
                    &context,
                )
            };
            let plan = planned.map_err(refused)?;
            return Ok((context, plan.roster));
        }
        let context = self.context(None).await?;
        let roster = self.roster(&context).await?;
        Ok((context, roster))
    }

    fn asking(&self, named: Option<&str>) -> Result<Context, Problem> {
        let named = named.or(set(self.global.organization.as_deref()));
        let organization = named.unwrap_or(DEFAULT_ORGANIZATION);
        check_organization_name(organization)?;
        let mut context = Context::new(organization, &self.actor(), now());
        if self.global.platform {
            context.by = By::Platform;
        }
        Ok(context)
    }

    async fn exists(&self, context: &Context) -> Result<bool, Problem> {
        let exists = self.plane.store().exists(&context.organization).await;
        exists.map_err(|error| self.problem(&error.into(), context))
    }

    /// Waits for a use case that probes. The first interrupt lets the probe clean up behind itself,
    /// and nothing is committed after it; the second one ends the program at once.
    ///
    /// Only here, so that an interrupt ends at once whatever waits for a person or for events.
    async fn interruptible<T>(&self, working: impl Future<Output = T>) -> Result<T, Problem> {
        let interrupted =
            || Problem::new(exit::INTERRUPTED, "interrupted, and nothing was changed");
        let mut working = std::pin::pin!(working);
        tokio::select! {
            done = &mut working => return Ok(done),
            () = interrupt() => {}
        }
        self.plane.cancel();
        eprintln!("interrupted: cleaning up behind the probe (once more to stop at once)");
        tokio::select! {
            _ = &mut working => {}
            () = interrupt() => {}
        }
        Err(interrupted())
    }

    fn actor(&self) -> String {
        let user = || {
            ["USER", "LOGNAME"]
                .iter()
                .find_map(|name| env::var(name).ok().filter(|user| !user.is_empty()))
        };
        set(self.global.actor.as_deref())
            .map(str::to_owned)
            .or_else(user)
            .unwrap_or_else(|| "unknown".to_owned())
    }

    fn problem(&self, error: &Error, context: &Context) -> Problem {
        Problem::of(error, &explain::about(context))
    }

    async fn roster(&self, context: &Context) -> Result<Roster, Problem> {
        self.plane
            .store()
            .load(&context.organization)
            .await
            .map_err(|error| self.problem(&error.into(), context))
    }

    /// Serves the preview page, with the organization in the link to it.
    async fn preview(&self, listen: SocketAddr) -> Result<u8, Problem> {
        let context = self.context(None).await?;
        let roster = self.roster(&context).await?;
        let link = preview::fragment(&context.organization, &roster, context.now);
        preview::serve(listen, self.global.output, Some(&link)).await
    }

    async fn backend(&self, command: BackendCommand) -> Result<u8, Problem> {
        match command {
            BackendCommand::Add(command) => self.add(command).await,
            BackendCommand::List { full } => self.list(full).await,
            BackendCommand::Show { name } => self.show(&name).await,
            BackendCommand::Update(args) => self.update(&args).await,
            BackendCommand::Delete { name, change } => self.delete(&name, &change).await,
            BackendCommand::Check { names, all } => self.check(&names, all).await,
        }
    }

    async fn add(&self, command: AddCommand) -> Result<u8, Problem> {
        let configuration = |failure: backstop_core::Failure| {
            Problem::new(
                exit::of_failure(failure.class),
                format!("{}: {}", failure.class.code(), failure.message),
            )
        };
        let (provider, location, credentials, common) = match command {
            AddCommand::Oci {
                repo,
                credentials,
                common,
            } => {
                let repository: Repository = repo.parse().map_err(configuration)?;
                (
                    Provider::Oci,
                    repository.to_string(),
                    credentials::oci(&credentials, None)?,
                    common,
                )
            }
            AddCommand::AwsS3 {
                bucket,
                endpoint,
                credentials,
                common,
            } => {
                let bucket = Bucket::new(endpoint.as_deref(), &bucket).map_err(configuration)?;
                (
                    Provider::AwsS3,
                    bucket.to_string(),
                    credentials::aws_s3(&credentials, None)?,
                    common,
                )
            }
            AddCommand::AzureBlob {
                account,
                container,
                endpoint,
                credentials,
                common,
            } => {
                let container = Container::new(endpoint.as_deref(), &account, &container)
                    .map_err(configuration)?;
                (
                    Provider::AzureBlob,
                    container.to_string(),
                    credentials::azure(&credentials)?,
                    common,
                )
            }
            AddCommand::Gcs {
                bucket,
                endpoint,
                credentials,
                common,
            } => {
                let bucket = Bucket::new(endpoint.as_deref(), &bucket).map_err(configuration)?;
                (
                    Provider::Gcs,
                    bucket.to_string(),
                    credentials::gcs(&credentials)?,
                    common,
                )
            }
            AddCommand::Local { path, common } => {
                let path = std::path::absolute(&path).map_err(|e| {
                    Problem::usage(format!("`{}` is not a path: {e}", path.display()))
                })?;
                let location = path.to_str().ok_or_else(|| {
                    Problem::usage(format!(
                        "`{}` is not a path in Unicode, which a location must be",
                        path.display()
                    ))
                })?;
                (
                    Provider::Local,
                    location.to_owned(),
                    Credentials::None,
                    common,
                )
            }
        };
        self.create(provider, &location, credentials, common).await
    }

    async fn create(
        &self,
        provider: Provider,
        location: &str,
        credentials: Credentials,
        args: AddArgs,
    ) -> Result<u8, Problem> {
        let AddArgs {
            name,
            managed,
            settings,
            change,
        } = args;
        let (mut context, roster) = self.start(&change).await?;
        let usual_limit = match env::var("BACKSTOP_MAX_BYTES") {
            Ok(text) => Some(
                parse_size(&text)
                    .map_err(|e| Problem::usage(format!("BACKSTOP_MAX_BYTES: {e}")))?,
            ),
            Err(_) => None,
        };
        let kind = if managed {
            Kind::Managed
        } else {
            Kind::External
        };
        let create = Create {
            description: settings.description.unwrap_or_default(),
            max_blob_bytes: settings.max_bytes.or(usual_limit),
            mode: settings.mode.map_or(Mode::Ready, mode),
            default: settings.default.unwrap_or(false),
            fallback: settings.fallback.unwrap_or(false),
            ..Create::new(&new_id(), &name, kind, provider.code(), location)
        };
        let about = About {
            organization: &context.organization.clone(),
            backend: &name,
            location: if managed { "managed" } else { location },
            provider: provider.code(),
            max_blob_bytes: create.max_blob_bytes,
        };
        let command = Change::Create(create.clone());
        let note = Some("the backend was not probed");
        let agreed = self.agree(&roster, &command, &change, &mut context, &about, note)?;
        if !agreed {
            return Ok(exit::DONE);
        }
        let id = create.id.clone();
        let new = NewBackend {
            create,
            credentials,
        };
        let creating = self.interruptible(self.plane.create(new, &context));
        let plan = creating.await?;
        self.show_backend(
            &plan.map_err(|error| Problem::of(&error, &about))?,
            &id,
            &roster,
        )
    }

    async fn update(&self, args: &UpdateArgs) -> Result<u8, Problem> {
        let (mut context, roster) = self.start(&args.change).await?;
        let name = args.positional.as_ref().or(args.name.as_ref());
        let name = name.map_or("", String::as_str);
        let backend = find(&roster, name, &context)?;
        let shown = backend.redacted();
        let settings = &args.settings;
        let update = Update {
            description: settings.description.clone(),
            max_blob_bytes: settings.max_bytes,
            default: settings.default,
            fallback: settings.fallback,
            mode: settings.mode.map(mode),
            rotate: credentials::are_given(args),
            ..Update::new(backend.id.clone())
        };
        let about = About {
            organization: &context.organization.clone(),
            backend: name,
            location: &shown.location,
            provider: &shown.provider,
            max_blob_bytes: update.max_blob_bytes,
        };
        let command = Change::Update(update.clone());
        // Before anything is said about the provider: of a managed backend only the platform knows.
        let planned = self.plane.dry_run(&roster, &command, &context);
        planned.map_err(|error| Problem::of(&error, &about))?;
        credentials::fit(args, &backend.provider)?;
        let note = update
            .rotate
            .then_some("the new credentials were not probed");
        let agreed = self.agree(&roster, &command, &args.change, &mut context, &about, note)?;
        if !agreed {
            return Ok(exit::DONE);
        }
        let old = async || {
            let old = self.plane.credentials(&context.organization, backend).await;
            old.map_err(|error| self.problem(&error, &context))
        };
        let credentials = credentials::of_update(args, &backend.provider, old).await?;
        let change = BackendChange {
            update,
            credentials,
        };
        let updating = self.interruptible(self.plane.update(change, &context));
        let plan = updating.await?;
        self.show_backend(
            &plan.map_err(|error| Problem::of(&error, &about))?,
            &backend.id,
            &roster,
        )
    }

    async fn delete(&self, name: &str, change: &ChangeArgs) -> Result<u8, Problem> {
        let (mut context, roster) = self.start(change).await?;
        let backend = find(&roster, name, &context)?;
        let about = About {
            organization: &context.organization.clone(),
            backend: name,
            ..About::default()
        };
        let command = Change::Delete {
            backend: backend.id.clone(),
        };
        let agreed = self.agree(&roster, &command, change, &mut context, &about, None)?;
        if !agreed {
            return Ok(exit::DONE);
        }
        let plan = self.plane.delete(&backend.id, &context).await;
        let plan = plan.map_err(|error| Problem::of(&error, &about))?;
        print(
            self.global.output,
            &record::Roster::from(&plan.roster),
            || {
                let names = |id: &BackendId| name_of(&plan.roster, &roster, id);
                let mut text =
                    format!("deleted `{name}`; what was written to it can still be read");
                for line in print::side_effects(&plan, &backend.id, &names) {
                    text = format!(
                        "{text}
note: {line}"
                    );
                }
                text
            },
        )?;
        Ok(exit::DONE)
    }

    /// Plans a command. Prints a dry run, or asks where the default would be lost or replaced.
    /// Returns whether to go on.
    fn agree(
        &self,
        before: &Roster,
        command: &Change,
        change: &ChangeArgs,
        context: &mut Context,
        about: &About<'_>,
        note: Option<&'static str>,
    ) -> Result<bool, Problem> {
        context.seen = change.revision.or(context.seen);
        let planned = self.plane.dry_run(before, command, context);
        let plan = planned.map_err(|error| Problem::of(&error, about))?;
        if change.dry_run {
            let mut used = [None, None];
            for (used, roster) in used.iter_mut().zip([before, &plan.roster]) {
                let request = Request::default();
                let answer = self
                    .plane
                    .policy()
                    .planner()
                    .select(roster, &request, context.now);
                let answer = answer.map_err(|error| Problem::of(&error.into(), about))?;
                *used = answer
                    .ok()
                    .map(|decision| decision.backend.name.to_string());
            }
            let preview = Preview::of(before, &plan, used, note);
            let names = |id: &BackendId| name_of(before, &plan.roster, id);
            print(self.global.output, &preview, || preview.text(&plan, &names))?;
            return Ok(false);
        }
        if !change.yes {
            let lost = explain::lost_default(before, &plan.roster);
            if let Some(loss) = &lost {
                confirm(&format!("{loss}."), "--yes")?;
            }
            // What was agreed to is what is done, or nothing: by then it might be the default.
            if lost.is_some() || may_move_default(command) {
                context.seen = Some(before.revision);
            }
        }
        context.now = now();
        Ok(true)
    }

    fn show_backend(
        &self,
        changed: &Changed,
        id: &BackendId,
        before: &Roster,
    ) -> Result<u8, Problem> {
        let roster = &changed.plan.roster;
        let shown: Vec<&Backend> = roster.backend(id).into_iter().collect();
        let listed = |backend: &&Backend| record::ListedBackend::of(roster, backend);
        let records: Vec<_> = shown.iter().map(listed).collect();
        let names = |id: &BackendId| name_of(roster, before, id);
        print(self.global.output, &records.first(), || {
            let mut text = print::backends(roster, shown);
            let said = print::side_effects(&changed.plan, id, &names);
            for line in said.iter().chain(&changed.note) {
                text = format!("{text}\nnote: {line}");
            }
            text
        })?;
        Ok(exit::DONE)
    }

    async fn list(&self, full: bool) -> Result<u8, Problem> {
        let context = self.context(None).await?;
        let roster = self.roster(&context).await?;
        let backends = sorted(&roster);
        let records: Vec<_> = backends
            .iter()
            .map(|backend| record::ListedBackend::of(&roster, backend))
            .collect();
        print(self.global.output, &records, || {
            if full {
                print::backends_in_full(&roster, backends)
            } else {
                print::backends(&roster, backends)
            }
        })?;
        Ok(exit::DONE)
    }

    async fn show(&self, name: &str) -> Result<u8, Problem> {
        let context = self.context(None).await?;
        let roster = self.roster(&context).await?;
        let backend = find(&roster, name, &context)?;
        let record = record::ListedBackend::of(&roster, backend);
        print(self.global.output, &record, || {
            print::backend_in_full(&roster, backend)
        })?;
        Ok(exit::DONE)
    }

    async fn check(&self, names: &[String], all: bool) -> Result<u8, Problem> {
        let context = self.context(None).await?;
        let roster = self.roster(&context).await?;
        let mut ids: Vec<BackendId> = Vec::new();
        if all {
            ids.extend(
                sorted(&roster)
                    .into_iter()
                    .map(|backend| backend.id.clone()),
            );
        }
        for name in names {
            let backend = find(&roster, name, &context)?;
            if !ids.contains(&backend.id) {
                ids.push(backend.id.clone());
            }
        }
        // A bar for people who wait for several; a program that reads our output gets none.
        let bar = if ids.len() > 1 && io::stderr().is_terminal() {
            indicatif::ProgressBar::new(ids.len() as u64).with_message("probing")
        } else {
            indicatif::ProgressBar::hidden()
        };
        let checking = self.plane.check(&ids, &context, || bar.inc(1));
        let checked = self.interruptible(checking).await?;
        bar.finish_and_clear();
        let checked = checked.map_err(|error| self.problem(&error, &context))?;

        let records: Vec<CheckRecord> = checked.iter().map(CheckRecord::of).collect();
        print(self.global.output, &records, || {
            print::table(
                ["NAME", "LOCATION", "RESULT", "STATUS", "WHY"],
                records.iter().map(|one| {
                    let why = one
                        .message
                        .clone()
                        .or_else(|| one.note.clone())
                        .unwrap_or_default();
                    [
                        one.name.clone(),
                        one.location.clone(),
                        one.outcome.clone(),
                        one.status.clone(),
                        why,
                    ]
                }),
            )
        })?;
        // The first failure decides, so that a script that checks one backend learns the class.
        let first = checked
            .iter()
            .find_map(|one| match &one.probe.as_ref()?.outcome {
                Outcome::Failed(failure) => Some((one, failure)),
                Outcome::Ok => None,
            });
        let Some((one, failure)) = first else {
            return Ok(exit::DONE);
        };
        let failed: Vec<_> = records.iter().filter(|one| one.failed).collect();
        let message = if let [one] = failed.as_slice() {
            let why = one.message.as_deref().unwrap_or_default();
            format!("`{}` failed the probe ({}): {why}", one.name, one.outcome)
        } else {
            let name = |one: &&CheckRecord| format!("`{}` ({})", one.name, one.outcome);
            format!(
                "{} failed the probe",
                failed.iter().map(name).collect::<Vec<_>>().join(", ")
            )
        };
        let mut code = exit::of_failure(failure.class);
        if failure.class == FailureClass::Secrets {
            // A key that is missing has a code of its own.
            let opened = self
                .plane
                .credentials(&context.organization, &one.backend)
                .await;
            code = opened.err().map_or(code, |error| exit::of_error(&error));
        }
        Err(Problem::new(code, message))
    }

    async fn organization(&self, command: OrganizationCommand) -> Result<u8, Problem> {
        match command {
            OrganizationCommand::Create { name } => {
                check_organization_name(&name)?;
                let context = Context::new(&name, &self.actor(), now());
                let plan = self
                    .plane
                    .create_organization(&context)
                    .await
                    .map_err(|e| self.problem(&e, &context))?;
                print(
                    self.global.output,
                    &record::Roster::from(&plan.roster),
                    || print::backends(&plan.roster, &plan.roster.backends),
                )?;
                Ok(exit::DONE)
            }
            OrganizationCommand::List => {
                let list = self.plane.store().organizations().await;
                let list = list.map_err(|error| Problem::of(&error.into(), &About::default()))?;
                let records: Vec<_> = list.iter().map(record::Organization::from).collect();
                print(self.global.output, &records, || {
                    print::table(
                        ["NAME", "CREATED", "REVISION", "BACKENDS"],
                        list.iter().map(|one| {
                            let created = print::time(one.created_at);
                            [
                                one.name.clone(),
                                created,
                                one.revision.to_string(),
                                one.backends.to_string(),
                            ]
                        }),
                    )
                })?;
                Ok(exit::DONE)
            }
            OrganizationCommand::Show { name } => self.show_organization(name.as_deref()).await,
            OrganizationCommand::SetPolicy(args) => self.set_policy(&args).await,
            OrganizationCommand::Delete {
                name,
                yes,
                revision,
            } => {
                let context = self.context(Some(&name)).await?;
                let roster = self.roster(&context).await?;
                if revision.is_some_and(|revision| revision != roster.revision) {
                    return Err(self.problem(
                        &Error::Refused {
                            codes: vec![Code::Conflict],
                            failure: None,
                        },
                        &context,
                    ));
                }
                let mut expected = revision;
                if !yes {
                    let count = roster.backends.len();
                    let loss = format!(
                        "organization `{name}` with its backends ({count}) and their credentials would be deleted."
                    );
                    confirm(&loss, "--yes")?;
                    expected = Some(roster.revision);
                }
                let deleted = self
                    .plane
                    .store()
                    .delete_organization(&name, expected, now())
                    .await;
                deleted.map_err(|error| self.problem(&error.into(), &context))?;
                print(
                    self.global.output,
                    &serde_json::json!({ "deleted": name }),
                    || {
                        format!(
                            "deleted organization `{name}`; what its backends hold is still there"
                        )
                    },
                )?;
                Ok(exit::DONE)
            }
        }
    }

    async fn show_organization(&self, name: Option<&str>) -> Result<u8, Problem> {
        let context = self.context(name).await?;
        let roster = self.roster(&context).await?;
        let name = |id: &BackendId| name_of(&roster, &roster, id);
        let violations = self.plane.policy().planner().check(&roster);
        let violations = violations.map_err(|error| self.problem(&error.into(), &context))?;
        print(self.global.output, &record::Roster::from(&roster), || {
            let policy = &roster.policy;
            let duration = |milliseconds| {
                humantime::format_duration(Duration::from_millis(milliseconds)).to_string()
            };
            let list = |items: Vec<String>| {
                if items.is_empty() {
                    "none".to_owned()
                } else {
                    items.join(", ")
                }
            };
            let rows = [
                ("ORGANIZATION", context.organization.clone()),
                ("REVISION", roster.revision.to_string()),
                (
                    "DEFAULT",
                    roster
                        .default
                        .as_ref()
                        .map_or_else(|| "nobody".to_owned(), &name),
                ),
                (
                    "FALLBACKS",
                    list(roster.fallbacks.iter().map(&name).collect()),
                ),
                (
                    "A WRITE USES",
                    roster
                        .route
                        .as_ref()
                        .map_or_else(|| "nobody".to_owned(), &name),
                ),
                (
                    "VIOLATIONS",
                    list(violations.iter().map(ToString::to_string).collect()),
                ),
                ("max-fallbacks", policy.max_fallbacks.to_string()),
                ("fall", policy.fall.to_string()),
                ("rise", policy.rise.to_string()),
                ("hold-down", duration(policy.hold_down)),
                ("stale-after", duration(policy.stale_after)),
                ("check-every", duration(policy.check_every)),
                ("check-others-every", duration(policy.check_others_every)),
                (
                    "tail",
                    list(
                        policy
                            .tail
                            .iter()
                            .map(|kind| kind.code().to_owned())
                            .collect(),
                    ),
                ),
                ("last-resort", policy.last_resort.code().to_owned()),
            ];
            let sheet = print::table(
                ["FIELD", "VALUE"],
                rows.map(|(field, value)| [field.to_owned(), value]),
            );
            format!("{sheet}\n{}", print::backends(&roster, sorted(&roster)))
        })?;
        Ok(exit::DONE)
    }

    async fn set_policy(&self, args: &PolicyArgs) -> Result<u8, Problem> {
        let (mut context, roster) = self.start(&args.change).await?;
        let usage = |error: record::PolicyError| Problem::usage(error.to_string());
        let mut policy = match &args.file {
            Some(path) => record::Policy::parse(&read_text(path)?)
                .map_err(|error| Problem::usage(format!("`{}`: {error}", path.display())))?,
            None if args.reset => record::Policy::default(),
            None => {
                // A setting is changed in the policy that was seen, or not at all.
                context.seen = Some(roster.revision);
                (&roster.policy).into()
            }
        };
        for setting in &args.settings {
            policy.assign(setting).map_err(usage)?;
        }
        let policy: backstop_core::Policy = policy.into();
        let about = About {
            organization: &context.organization.clone(),
            ..About::default()
        };
        let command = Change::SetPolicy(policy.clone());
        let agreed = self.agree(&roster, &command, &args.change, &mut context, &about, None)?;
        if !agreed {
            return Ok(exit::DONE);
        }
        let set = self.plane.set_policy(&policy, &context).await;
        set.map_err(|error| Problem::of(&error, &about))?;
        self.show_organization(None).await
    }

    async fn resolve(&self, args: &ResolveArgs) -> Result<u8, Problem> {
        let context = self.context(None).await?;
        let request = Request { size: args.size };
        let resolving = self.plane.resolve(&request, &context);
        let resolution = self.interruptible(resolving).await?;
        let resolution = resolution.map_err(|e| self.problem(&e, &context))?;
        if self.global.output != Output::Table {
            print(
                self.global.output,
                &record::Resolution::from(&resolution),
                String::new,
            )?;
        }
        let trace = match &resolution.answer {
            Ok(decision) => &decision.trace,
            Err(refusal) => &refusal.trace,
        };
        let explanation = || {
            if args.explain {
                format!("{}\n", print::trace(trace))
            } else {
                String::new()
            }
        };
        match &resolution.answer {
            Ok(decision) => {
                if self.global.output == Output::Table {
                    let roster = self.roster(&context).await?;
                    let backend = roster.backend(&decision.backend.id).map(Backend::redacted);
                    let (location, provider) = backend.map_or_else(Default::default, |backend| {
                        (backend.location, backend.provider)
                    });
                    let row = [
                        decision.backend.name.to_string(),
                        location,
                        provider,
                        decision.position.to_string(),
                        decision.degraded.to_string(),
                    ];
                    let table = print::table(
                        ["NAME", "LOCATION", "PROVIDER", "POSITION", "DEGRADED"],
                        [row],
                    );
                    print(Output::Table, &(), || {
                        format!("{}{table}{}", explanation(), due(&roster, &resolution.due))
                    })?;
                }
                Ok(exit::DONE)
            }
            Err(refusal) => {
                if self.global.output == Output::Table && args.explain {
                    print(Output::Table, &(), explanation)?;
                }
                Err(Problem::new(
                    exit::of_refusal(refusal.reason),
                    refusal_text(refusal),
                ))
            }
        }
    }

    async fn route_read(&self, args: &RouteReadArgs) -> Result<u8, Problem> {
        let context = self.context(None).await?;
        let roster = self.roster(&context).await?;
        let deleted = self
            .plane
            .store()
            .deleted_backends(&context.organization)
            .await;
        let deleted = deleted.map_err(|error| self.problem(&error.into(), &context))?;
        let mut copies = Vec::new();
        for copy in &args.copies {
            let id = BackendId::from(copy.as_str());
            let live = roster
                .named(copy)
                .or_else(|| roster.backend(&id))
                .map(|backend| backend.id.clone());
            // The last that bore the name is the one that a recent copy was written to.
            let gone = || {
                let bears = |backend: &Backend| backend.name.as_str() == copy || backend.id == id;
                deleted
                    .iter()
                    .rev()
                    .find(|one| bears(&one.backend))
                    .map(|one| one.backend.id.clone())
            };
            let about = About {
                organization: &context.organization,
                backend: copy,
                ..About::default()
            };
            copies.push(live.or_else(gone).ok_or_else(|| {
                Problem::of(
                    &Error::Refused {
                        codes: vec![Code::BackendNotFound],
                        failure: None,
                    },
                    &about,
                )
            })?);
        }
        let tries = self
            .plane
            .policy()
            .planner()
            .route_read(&roster, &copies, context.now);
        let tries = tries.map_err(|error| self.problem(&error.into(), &context))?;
        let records: Vec<_> = tries.iter().map(record::ReadTry::from).collect();
        print(self.global.output, &records, || {
            let rows = tries.iter().map(|one| {
                let gone = deleted
                    .iter()
                    .map(|one| &one.backend)
                    .find(|backend| backend.id == one.backend);
                let backend = roster.backend(&one.backend).or(gone).map(Backend::redacted);
                let (name, location) = backend.map_or_else(Default::default, |backend| {
                    (backend.name.to_string(), backend.location)
                });
                [name, location, one.reason.code().to_owned()]
            });
            print::table(["TRY", "LOCATION", "WHY"], rows)
        })?;
        Ok(exit::DONE)
    }

    async fn events(&self, args: &EventsArgs) -> Result<u8, Problem> {
        const EVERY: Duration = Duration::from_millis(250);
        let context = self.context(None).await?;
        let since = args
            .since
            .as_deref()
            .map(|text| parse_since(text, context.now))
            .transpose()?;
        let mut range = EventRange {
            since,
            ..EventRange::default()
        };
        let failed = |error: StoreError| self.problem(&error.into(), &context);
        let mut first = true;
        loop {
            let stored = self
                .plane
                .store()
                .events(&context.organization, &range)
                .await
                .map_err(failed)?;
            if let Some(last) = stored.last() {
                range.after = Some(last.sequence);
            }
            if first || !stored.is_empty() {
                self.print_events(&stored, args.follow, first, &context)
                    .await?;
            }
            if !args.follow {
                return Ok(exit::DONE);
            }
            first = false;
            tokio::time::sleep(EVERY).await;
        }
    }

    async fn print_events(
        &self,
        stored: &[store::StoredEvent],
        follow: bool,
        first: bool,
        context: &Context,
    ) -> Result<(), Problem> {
        let failed = |error: StoreError| self.problem(&error.into(), context);
        let records: Vec<_> = stored.iter().map(record::StoredEvent::from).collect();
        match (self.global.output, follow) {
            // One document a line, or a document each: what can be read while it grows.
            (Output::Json, true) => {
                let mut stdout = io::stdout().lock();
                for one in &records {
                    let line = serde_json::to_string(one).map_err(io::Error::other)?;
                    writeln!(stdout, "{line}")?;
                }
                stdout.flush()?;
            }
            (Output::Yaml, true) => {
                for one in &records {
                    print(Output::Yaml, &[one], String::new)?;
                }
            }
            (Output::Json | Output::Yaml, false) => {
                print(self.global.output, &records, String::new)?
            }
            (Output::Table, _) => {
                let roster = self.roster(context).await?;
                let deleted = self
                    .plane
                    .store()
                    .deleted_backends(&context.organization)
                    .await
                    .map_err(failed)?;
                let mut known: BTreeMap<BackendId, String> = BTreeMap::new();
                for backend in deleted
                    .iter()
                    .map(|one| &one.backend)
                    .chain(&roster.backends)
                {
                    known.insert(backend.id.clone(), backend.name.to_string());
                }
                let names =
                    |id: &BackendId| known.get(id).cloned().unwrap_or_else(|| id.to_string());
                if follow {
                    let mut stdout = io::stdout().lock();
                    for one in stored {
                        let Event {
                            at, kind, actor, ..
                        } = &one.event;
                        writeln!(
                            stdout,
                            "{} {:<21} {} [{}]",
                            print::time(*at),
                            kind.code(),
                            print::printable(&print::what(kind, &names)),
                            print::printable(actor)
                        )?;
                    }
                    stdout.flush()?;
                } else if first {
                    let rows: Vec<_> = stored
                        .iter()
                        .map(|one| (one.sequence, one.event.clone()))
                        .collect();
                    print(Output::Table, &(), || print::events(&rows, &names))?;
                }
            }
        }
        Ok(())
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct CheckRecord {
    name: String,
    id: String,
    location: String,
    /// `ok`, the class of the failure, or `not-probed`.
    outcome: String,
    status: String,
    message: Option<String>,
    note: Option<String>,
    #[serde(skip)]
    failed: bool,
}

impl CheckRecord {
    fn of(checked: &Checked) -> Self {
        let backend = checked.backend.redacted();
        let (outcome, message) = match checked.probe.as_ref().map(|probe| &probe.outcome) {
            None => ("not-probed".to_owned(), None),
            Some(Outcome::Ok) => ("ok".to_owned(), None),
            Some(Outcome::Failed(failure)) => (
                failure.class.code().to_owned(),
                Some(failure.message.clone()),
            ),
        };
        Self {
            name: backend.name.to_string(),
            id: backend.id.to_string(),
            location: backend.location.clone(),
            failed: message.is_some(),
            outcome,
            status: backend.health.status.code().to_owned(),
            message,
            note: checked.note.clone(),
        }
    }
}

/// Says whether a command takes the default away from somebody, whoever that is by then.
fn may_move_default(command: &Change) -> bool {
    match command {
        Change::Create(create) => create.default,
        Change::Update(update) => {
            !update.rotate && (update.default.is_some() || update.fallback == Some(true))
        }
        Change::Delete { .. } => true,
        Change::SetPolicy(_) => false,
    }
}

/// Returns the backend of that name, or says that there is none.
fn find<'r>(roster: &'r Roster, name: &str, context: &Context) -> Result<&'r Backend, Problem> {
    let code = if Name::from(name).is_well_formed() {
        Code::BackendNotFound
    } else {
        Code::NameInvalid
    };
    roster.named(name).ok_or_else(|| {
        let about = About {
            organization: &context.organization,
            backend: name,
            ..About::default()
        };
        let refused = Error::Refused {
            codes: vec![code],
            failure: None,
        };
        Problem::of(&refused, &about)
    })
}

/// The default first, then the chain in order, then the rest by name.
fn sorted(roster: &Roster) -> Vec<&Backend> {
    let mut backends: Vec<&Backend> = roster.backends.iter().collect();
    backends.sort_by_key(|backend| {
        let rank = if roster.default.as_ref() == Some(&backend.id) {
            0
        } else {
            roster.place(&backend.id).unwrap_or(usize::MAX)
        };
        (rank, backend.name.clone())
    });
    backends
}

fn name_of(roster: &Roster, other: &Roster, id: &BackendId) -> String {
    let backend = roster.backend(id).or_else(|| other.backend(id));
    backend.map_or_else(|| id.to_string(), |backend| backend.name.to_string())
}

/// What a person should know beside the answer.
fn due(roster: &Roster, due: &[BackendId]) -> String {
    if due.is_empty() {
        return String::new();
    }
    let names: Vec<String> = due.iter().map(|id| name_of(roster, roster, id)).collect();
    format!(
        "\nin need of a fresh look: {} (`backstop casbackend check {}`)",
        names.join(", "),
        names.join(" ")
    )
}

/// The refusal's message, with sizes and times as people read them.
fn refusal_text(refusal: &Refusal) -> String {
    match refusal.reason {
        backstop_core::RefusalReason::Required => {
            format!("required: {refusal}, with `backstop casbackend update NAME --default`")
        }
        backstop_core::RefusalReason::TooLarge { limit } => {
            format!("too-large: {refusal}, or {}", format_size(limit))
        }
        backstop_core::RefusalReason::Unavailable { retry_at: Some(at) } => {
            format!("unavailable: {refusal}; try again at {}", print::time(at))
        }
        backstop_core::RefusalReason::Unavailable { retry_at: None } => {
            format!("unavailable: {refusal}")
        }
    }
}

fn mode(mode: ModeArg) -> Mode {
    match mode {
        ModeArg::Drain => Mode::Drain,
        ModeArg::Maintenance => Mode::Maintenance,
        ModeArg::Ready => Mode::Ready,
    }
}

/// An organization's name follows the rule for backends' names.
fn check_organization_name(name: &str) -> Result<(), Problem> {
    if Name::from(name).is_well_formed() {
        return Ok(());
    }
    let message = format!(
        "name-invalid: `{name}` is not the name of an organization: use 1 to 63 lowercase letters, digits and hyphens, \
         with no hyphen at the ends"
    );
    Err(Problem::new(exit::REFUSED, message))
}

/// Asks on the terminal; without one, nobody can answer.
fn confirm(loss: &str, option: &str) -> Result<(), Problem> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        let message = format!("{loss} There is no terminal to ask on: confirm with {option}");
        return Err(Problem::new(exit::CONFIRMATION, message));
    }
    eprint!("{loss} Go on? [y/N] ");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    if ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) {
        return Ok(());
    }
    Err(Problem::new(exit::CONFIRMATION, "nothing was changed"))
}

/// A time in RFC 3339, or how long ago.
fn parse_since(text: &str, now: u64) -> Result<u64, Problem> {
    if let Ok(ago) = humantime::parse_duration(text) {
        return Ok(now.saturating_sub(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX)));
    }
    let at: SystemTime = humantime::parse_rfc3339_weak(text).map_err(|_| {
        Problem::usage(format!(
            "`{text}` is not a time: write `10m`, `7d`, or such as `2026-01-31T12:00:00Z`"
        ))
    })?;
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn read_text(path: &Path) -> Result<String, Problem> {
    let text = if path == Path::new("-") {
        credentials::read(io::stdin())
    } else {
        std::fs::File::open(path).and_then(credentials::read)
    };
    text.map_err(|e| Problem::usage(format!("`{}` cannot be read: {e}", path.display())))
}

/// The database in the platform's data directory.
fn default_database() -> Result<PathBuf, Problem> {
    let directories = directories::ProjectDirs::from("", "", "backstop").ok_or_else(|| {
        Problem::new(
            exit::DATABASE,
            "this user has no home directory to keep a database in: name one with \
             --database sqlite:PATH",
        )
    })?;
    Ok(directories.data_dir().join("backstop.db"))
}
