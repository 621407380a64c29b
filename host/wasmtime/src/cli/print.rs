//! Answers for people and for programs.

use std::{
    io::{self, Write},
    time::{Duration, UNIX_EPOCH},
};

use backstop_core::{
    Backend, BackendId, Event, EventKind, Mode, Plan, Policy, Roster, TraceEntry, Verdict,
};
use comfy_table::{ContentLineStyle, LineStyle, Table, TableStyle};
use serde::Serialize;

use super::{args::Output, size::format_size};

/// Prints a value for programs, or a text for people.
pub(crate) fn print<T: Serialize>(
    output: Output,
    value: &T,
    text: impl FnOnce() -> String,
) -> io::Result<()> {
    let text = match output {
        Output::Table => text(),
        Output::Json => serde_json::to_string_pretty(value)?,
        Output::Yaml => serde_norway::to_string(value).map_err(io::Error::other)?,
    };
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", text.trim_end())?;
    stdout.flush()
}

const LINES: TableStyle = TableStyle::new()
    .top_border(LineStyle::new('┌', '─', '┬', '┐'))
    .header_lines(ContentLineStyle::new('│', '│', '│'))
    .header_separator(LineStyle::new('├', '─', '┼', '┤'))
    .content_lines(ContentLineStyle::new('│', '│', '│'))
    .bottom_border(LineStyle::new('└', '─', '┴', '┘'));

/// Returns a table with a line around each column and a line below the header.
pub(crate) fn table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(LINES);
    table.set_header(header);
    for row in rows {
        table.add_row(row.map(|cell| printable(&cell)));
    }
    table.to_string()
}

/// Returns a text without what would garble a terminal: a description or a message may hold anything,
/// control characters and those that turn the direction of writing among it.
pub(crate) fn printable(text: &str) -> String {
    let shown = |c: char| match c {
        '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' => ' ',
        '\u{2060}'..='\u{2069}' | '\u{feff}' => ' ',
        c if c.is_control() => ' ',
        c => c,
    };
    text.chars().map(shown).collect()
}

/// Returns the table of backends, as `add`, `list` and `update` print it.
pub(crate) fn backends<'r>(
    roster: &Roster,
    backends: impl IntoIterator<Item = &'r Backend>,
) -> String {
    let header = [
        "NAME",
        "LOCATION",
        "PROVIDER",
        "DESCRIPTION",
        "LIMITS",
        "DEFAULT",
        "FALLBACK",
        "STATUS",
    ];
    table(
        header,
        backends.into_iter().map(|backend| {
            let shown = backend.redacted();
            [
                shown.name.to_string(),
                shown.location,
                shown.provider,
                shown.description,
                limits(backend),
                (roster.default.as_ref() == Some(&backend.id)).to_string(),
                roster.place(&backend.id).is_some().to_string(),
                status(backend),
            ]
        }),
    )
}

/// Returns the table of everything that is known of backends, a column for each.
pub(crate) fn backends_in_full<'r>(
    roster: &Roster,
    backends: impl IntoIterator<Item = &'r Backend>,
) -> String {
    let sheets: Vec<String> = backends
        .into_iter()
        .map(|backend| backend_in_full(roster, backend))
        .collect();
    sheets.join("\n")
}

/// Returns the sheet of one backend.
pub(crate) fn backend_in_full(roster: &Roster, backend: &Backend) -> String {
    let Backend {
        id,
        name,
        kind,
        provider,
        location,
        description,
        mode,
        generation,
        health,
        ..
    } = backend.redacted();
    let role = match (roster.default.as_ref() == Some(&id), roster.place(&id)) {
        (true, _) => "default".to_owned(),
        (false, Some(place)) => format!("fallback-{place}"),
        (false, None) => "none".to_owned(),
    };
    let failure = health.failure.as_ref().map_or_else(
        || "none".to_owned(),
        |failure| match failure.message.as_str() {
            "" => failure.class.code().to_owned(),
            message => format!("{}: {message}", failure.class.code()),
        },
    );
    table(
        ["FIELD", "VALUE"],
        [
            ("NAME", name.to_string()),
            ("ID", id.to_string()),
            ("KIND", kind.code().to_owned()),
            ("PROVIDER", provider),
            ("LOCATION", location),
            ("DESCRIPTION", description),
            ("LIMITS", limits(backend)),
            ("ROLE", role),
            ("MODE", mode.code().to_owned()),
            ("STATUS", status(backend)),
            ("SINCE", moment(health.since, "never changed")),
            ("CHECKED", moment(health.checked_at, "never")),
            ("FAILURES", health.failures.to_string()),
            ("SUCCESSES", health.successes.to_string()),
            ("FAILURE", failure),
            (
                "EXCUSE",
                health
                    .excuse
                    .map_or("none", backstop_core::FailureClass::code)
                    .to_owned(),
            ),
            ("CREDENTIALS", format!("generation {generation}")),
        ]
        .map(|(field, value)| [field.to_owned(), value]),
    )
}

fn limits(backend: &Backend) -> String {
    format!("MaxSize: {}", format_size(backend.max_blob_bytes))
}

/// The status, and the mode where it is what keeps the backend from serving.
fn status(backend: &Backend) -> String {
    let status = if backend.is_valid() {
        "valid"
    } else {
        "invalid"
    };
    let class = backend
        .health
        .failure
        .as_ref()
        .filter(|_| !backend.is_valid())
        .map(|failure| failure.class.code());
    let mode = (backend.mode != Mode::Ready).then(|| backend.mode.code());
    let details: Vec<&str> = class.into_iter().chain(mode).collect();
    if details.is_empty() {
        status.to_owned()
    } else {
        format!("{status} ({})", details.join(", "))
    }
}

/// Returns the table of candidates and what became of each.
pub(crate) fn trace(entries: &[TraceEntry]) -> String {
    table(
        ["POSITION", "NAME", "VERDICT", "WHY"],
        entries.iter().map(|entry| {
            [
                entry.position.to_string(),
                entry
                    .backend
                    .as_ref()
                    .map_or_else(|| "-".to_owned(), |backend| backend.name.to_string()),
                entry.verdict.code().to_owned(),
                why(entry.verdict),
            ]
        }),
    )
}

fn why(verdict: Verdict) -> String {
    match verdict {
        Verdict::Drained => "its operators let it take no new writes".to_owned(),
        Verdict::Invalid(class) => {
            format!(
                "its last probe failed ({})",
                class.map_or("unknown", backstop_core::FailureClass::code)
            )
        }
        Verdict::LastResort => "nothing is fit, and its failure may have gone away".to_owned(),
        Verdict::Maintenance => "its operators took it out of use".to_owned(),
        Verdict::NotReached => "fit, but one before it is used".to_owned(),
        Verdict::Recovering { until } => format!("fit, but not preferred before {}", time(until)),
        Verdict::Selected => "fit, and first".to_owned(),
        Verdict::TooLarge { limit } => format!("it takes at most {}", format_size(limit)),
        Verdict::Vacant => "nobody has the role".to_owned(),
    }
}

/// Returns the table of events.
pub(crate) fn events(events: &[(u64, Event)], names: &dyn Fn(&BackendId) -> String) -> String {
    table(
        ["#", "TIME", "REVISION", "EVENT", "WHAT", "ACTOR"],
        events.iter().map(|(sequence, event)| {
            [
                sequence.to_string(),
                time(event.at),
                event.revision.to_string(),
                event.kind.code().to_owned(),
                what(&event.kind, names),
                event.actor.clone(),
            ]
        }),
    )
}

/// Says what an event is about, in a few words.
pub(crate) fn what(kind: &EventKind, names: &dyn Fn(&BackendId) -> String) -> String {
    let one = |id: &Option<BackendId>| id.as_ref().map_or_else(|| "nobody".to_owned(), names);
    let all = |ids: &[BackendId]| {
        if ids.is_empty() {
            "none".to_owned()
        } else {
            ids.iter().map(names).collect::<Vec<_>>().join(", ")
        }
    };
    match kind {
        EventKind::OrganizationCreated => String::new(),
        EventKind::BackendCreated {
            backend,
            max_blob_bytes,
            ..
        } => {
            let place = [backend.provider.as_str(), backend.location.as_str()].join(" ");
            format!(
                "{} ({}), MaxSize: {}",
                backend.name,
                place.trim_end(),
                format_size(*max_blob_bytes)
            )
        }
        EventKind::BackendUpdated {
            backend,
            description,
            max_blob_bytes,
            mode,
        } => {
            let parts = [
                description
                    .as_ref()
                    .map(|description| format!("description: {description}")),
                max_blob_bytes.map(|limit| format!("MaxSize: {}", format_size(limit))),
                mode.map(|mode| format!("mode: {}", mode.code())),
            ];
            format!(
                "{}, {}",
                backend.name,
                parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
            )
        }
        EventKind::BackendDeleted { backend } => backend.name.to_string(),
        EventKind::CredentialsRotated {
            backend,
            generation,
        } => format!("{}, generation {generation}", backend.name),
        // The message is for whoever looks at the backend, or at the event as a program.
        EventKind::StatusChanged {
            backend,
            previous,
            status,
            failure,
            ..
        } => {
            let why = failure.as_ref().map_or_else(String::new, |failure| {
                format!(" ({})", failure.class.code())
            });
            format!(
                "{}: {} -> {}{why}",
                backend.name,
                previous.code(),
                status.code()
            )
        }
        EventKind::DefaultChanged { from, to, cause } => {
            format!("{} -> {} ({})", one(from), names(to), cause.code())
        }
        EventKind::DefaultVacated { from } => format!("{} -> nobody", names(from)),
        EventKind::FallbacksChanged { from, to } => format!("{} -> {}", all(from), all(to)),
        EventKind::PolicyChanged { from, to } => settings(from, to),
        EventKind::RouteChanged { from, to } => format!("{} -> {}", one(from), one(to)),
    }
}

/// Which settings differ between two policies, and how.
fn settings(from: &Policy, to: &Policy) -> String {
    let fields = |policy: &Policy| serde_json::to_value(crate::record::Policy::from(policy));
    let (Ok(from), Ok(to)) = (fields(from), fields(to)) else {
        return String::new();
    };
    let fields = to.as_object().into_iter().flatten();
    let changed = fields.filter(|(name, value)| from.get(*name) != Some(*value));
    let changed = changed.map(|(name, value)| {
        let before = from.get(name).unwrap_or(&serde_json::Value::Null);
        format!("{name}: {before} -> {value}")
    });
    changed.collect::<Vec<_>>().join(", ")
}

/// Says in words which roles a plan takes from backends that its command does not name, or gives to
/// them.
pub(crate) fn side_effects(
    plan: &Plan,
    subject: &BackendId,
    names: &dyn Fn(&BackendId) -> String,
) -> Vec<String> {
    let mut said = Vec::new();
    for event in &plan.change_set.events {
        match &event.kind {
            EventKind::DefaultChanged { from, to, .. } => {
                if let Some(from) = from.as_ref().filter(|from| *from != subject) {
                    said.push(format!("`{}` is no longer the default", names(from)));
                }
                if to != subject {
                    said.push(format!("`{}` is the default now", names(to)));
                }
            }
            EventKind::DefaultVacated { .. } => said.push("nobody is the default now".to_owned()),
            EventKind::FallbacksChanged { from, to } => {
                let promoted = |id: &BackendId| plan.roster.default.as_ref() == Some(id);
                let lost = |id: &&BackendId| !to.contains(id) && *id != subject && !promoted(id);
                let lost = from.iter().filter(lost);
                said.extend(lost.map(|id| format!("`{}` is no longer a fallback", names(id))));
            }
            _ => {}
        }
    }
    said
}

/// What a plan would change: what a dry run prints.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Preview {
    /// Whether anything would change.
    changes: bool,
    revision: u64,
    default: Move,
    fallbacks: Moves,
    /// What a write of unknown size would use.
    route: Move,
    events: Vec<crate::record::Event>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

#[derive(Serialize)]
struct Move {
    before: Option<String>,
    after: Option<String>,
}

#[derive(Serialize)]
struct Moves {
    before: Vec<String>,
    after: Vec<String>,
}

impl Preview {
    /// `used` is what a write of unknown size uses before and after.
    pub(crate) fn of(
        before: &Roster,
        plan: &Plan,
        used: [Option<String>; 2],
        note: Option<&'static str>,
    ) -> Self {
        let [used_before, used_after] = used;
        let name = |roster: &Roster, id: &BackendId| {
            roster
                .backend(id)
                .map_or_else(|| id.to_string(), |backend| backend.name.to_string())
        };
        let default = |roster: &Roster| roster.default.as_ref().map(|id| name(roster, id));
        let fallbacks =
            |roster: &Roster| roster.fallbacks.iter().map(|id| name(roster, id)).collect();
        let after = &plan.roster;
        Self {
            changes: !plan.change_set.is_empty(),
            revision: plan.change_set.revision,
            default: Move {
                before: default(before),
                after: default(after),
            },
            fallbacks: Moves {
                before: fallbacks(before),
                after: fallbacks(after),
            },
            route: Move {
                before: used_before,
                after: used_after,
            },
            events: plan
                .change_set
                .events
                .iter()
                .map(crate::record::Event::from)
                .collect(),
            note,
        }
    }

    pub(crate) fn text(&self, plan: &Plan, names: &dyn Fn(&BackendId) -> String) -> String {
        let mut text = String::from("dry run: nothing was changed");
        if !self.changes {
            text.push_str(", and nothing would be");
        }
        let rows = plan
            .change_set
            .events
            .iter()
            .map(|event| [event.kind.code().to_owned(), what(&event.kind, names)]);
        if self.changes {
            text = format!("{text}\n{}", table(["WOULD HAPPEN", "WHAT"], rows));
        }
        let nobody = |name: &Option<String>| name.clone().unwrap_or_else(|| "nobody".to_owned());
        let chain = |names: &[String]| {
            if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            }
        };
        let rows = [
            (
                "default",
                nobody(&self.default.before),
                nobody(&self.default.after),
            ),
            (
                "fallbacks",
                chain(&self.fallbacks.before),
                chain(&self.fallbacks.after),
            ),
            (
                "a write would use",
                nobody(&self.route.before),
                nobody(&self.route.after),
            ),
        ];
        let roles = table(
            ["", "BEFORE", "AFTER"],
            rows.map(|(what, before, after)| [what.to_owned(), before, after]),
        );
        text = format!("{text}\n{roles}");
        if let Some(note) = self.note {
            text = format!("{text}\nnote: {note}");
        }
        text
    }
}

/// A time in UTC, to the second.
pub(crate) fn time(at: u64) -> String {
    // The year 9999 is the last that the notation has.
    let at = Duration::from_millis(at.min(253_402_300_799_999));
    humantime::format_rfc3339_seconds(UNIX_EPOCH + at).to_string()
}

fn moment(at: Option<u64>, otherwise: &str) -> String {
    at.map_or_else(|| otherwise.to_owned(), time)
}
