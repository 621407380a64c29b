//! The second look at what is about to be written.
//!
//! ```
//! use backstop::policy::{Breach, verify};
//! use backstop_core::{Change, ChangeSet, Code, Context, create_organization};
//!
//! let context = Context::new("acme", "operator", 1_000);
//! let roster = create_organization("id-1".into(), &context).unwrap().roster;
//! let set_roles = Change::SetRoles { default: Some("ghost".into()), fallbacks: vec![] };
//! let change_set = ChangeSet { revision: 2, changes: vec![set_roles], events: vec![] };
//! assert_eq!(verify(&roster, &change_set), Err(Breach::Breaks { codes: vec![Code::RoleUnknown] }));
//! ```

use backstop_core::{
    Backend, BackendId, Change, ChangeSet, Code, EventKind, Kind, Roster, apply, check,
};

/// What a component asked for that no sound policy asks for. Nothing of it was done.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Breach {
    /// The roster that a commit leads to has violations that the one before it had not.
    #[error("it proposed a roster that breaks: {}", list(codes))]
    Breaks {
        /// The new violations, sorted.
        codes: Vec<Code>,
    },
    /// A commit changes nothing (INV-7).
    #[error("it proposed a commit that changes nothing")]
    Empty,
    /// An event does not belong to the commit that carries it.
    #[error("it proposed an event that does not belong to the commit")]
    Event,
    /// A commit changes what no command may change.
    #[error("it proposed to change the {what} of backend `{backend}`")]
    Fixed {
        /// The backend.
        backend: BackendId,
        /// What no command changes.
        what: &'static str,
    },
    /// A commit deletes an inline backend (CMD-3).
    #[error("it proposed to delete the inline backend `{backend}`")]
    InlineDeleted {
        /// The backend.
        backend: BackendId,
    },
    /// It asked about another organization than the call is about.
    #[error("it asked for organization `{asked}` in a call for `{called}`")]
    Organization {
        /// What it asked for.
        asked: String,
        /// What the call is about.
        called: String,
    },
    /// Changes of one commit contradict each other, or are more than a command makes.
    #[error("it proposed changes that no command makes together")]
    Several,
    /// The revision does not grow by one, or is not the one of the roster that was loaded.
    #[error("it proposed revision {proposed} after revision {before}")]
    Revision {
        /// The revision of the roster that was loaded.
        before: u64,
        /// The revision of the change-set, or the one that it expects to find.
        proposed: u64,
    },
    /// A commit announces a route to a backend that is not there (EVT).
    #[error("it proposed a route to backend `{backend}`, which is not live")]
    Route {
        /// The backend.
        backend: BackendId,
    },
    /// It asks without end.
    #[error("it asked the host for more than {most} things in one call")]
    TooMany {
        /// How many a call may ask for.
        most: u32,
    },
    /// A commit concerns a backend that is not live, or one that is already.
    #[error("it proposed to change backend `{backend}`, which is not live")]
    Unknown {
        /// The backend.
        backend: BackendId,
    },
}

/// Returns the roster that a commit leads to, after a second look at it with the native core.
///
/// A component is replaceable, so what it proposes is not taken on trust: a storage that writes only
/// what passes here cannot be brought by any component to hold two defaults, a role that names
/// nobody, or another violation of INV that was not there before.
///
/// # Errors
///
/// One [`Breach`] that stands against the commit; nothing may be written then.
pub fn verify(before: &Roster, change_set: &ChangeSet) -> Result<Roster, Breach> {
    if change_set.is_empty() {
        return Err(Breach::Empty);
    }
    let next = before.revision.saturating_add(1).min(Backend::MAX_LIMIT);
    if change_set.revision != next {
        return Err(Breach::Revision {
            before: before.revision,
            proposed: change_set.revision,
        });
    }
    together(before, change_set)?;
    for change in &change_set.changes {
        target(before, change)?;
    }
    let after = apply(before, change_set);

    let allowed = check(before);
    let mut codes = check(&after);
    codes.retain(|code| !allowed.contains(code));
    if !codes.is_empty() {
        return Err(Breach::Breaks { codes });
    }
    if let Some(route) = &after.route
        && after.backend(route).is_none()
    {
        return Err(Breach::Route {
            backend: route.clone(),
        });
    }
    let founded = EventKind::OrganizationCreated;
    for event in &change_set.events {
        if event.revision != change_set.revision || (event.kind == founded && before.revision != 0)
        {
            return Err(Breach::Event);
        }
    }
    Ok(after)
}

/// A command touches one backend, makes each kind of change once, and founds what is not there yet.
fn together(before: &Roster, change_set: &ChangeSet) -> Result<(), Breach> {
    let count = |wanted: fn(&Change) -> bool| {
        let found = change_set.changes.iter().filter(|change| wanted(change));
        found.count()
    };
    let sound = count(|change| *change == Change::CreateOrganization)
        == usize::from(before.revision == 0)
        && count(|change| {
            matches!(
                change,
                Change::CreateBackend(_) | Change::UpdateBackend(_) | Change::DeleteBackend(_)
            )
        }) <= 1
        && count(|change| matches!(change, Change::SetRoles { .. })) <= 1
        && count(|change| matches!(change, Change::SetPolicy(_))) <= 1
        && count(|change| matches!(change, Change::SetRoute(_))) <= 1;
    if sound { Ok(()) } else { Err(Breach::Several) }
}

fn target(before: &Roster, change: &Change) -> Result<(), Breach> {
    let live = |id: &BackendId| {
        before.backend(id).ok_or_else(|| Breach::Unknown {
            backend: id.clone(),
        })
    };
    match change {
        Change::UpdateBackend(after) => fixed(live(&after.id)?, after),
        Change::DeleteBackend(id) if live(id)?.kind == Kind::Inline => Err(Breach::InlineDeleted {
            backend: id.clone(),
        }),
        // That a new backend's id is free is an invariant, and checked as one.
        Change::CreateOrganization
        | Change::CreateBackend(_)
        | Change::DeleteBackend(_)
        | Change::SetRoles { .. }
        | Change::SetPolicy(_)
        | Change::SetRoute(_) => Ok(()),
    }
}

/// What is immutable, and the number of the credentials, which a rotation raises by one (CMD-9).
fn fixed(before: &Backend, after: &Backend) -> Result<(), Breach> {
    let rotated = before.generation.saturating_add(1).min(Backend::MAX_LIMIT);
    let changed = [
        ("name", before.name != after.name),
        ("kind", before.kind != after.kind),
        ("provider", before.provider != after.provider),
        ("location", before.location != after.location),
        (
            "generation",
            after.generation != before.generation && after.generation != rotated,
        ),
    ];
    match changed.into_iter().find(|(_, changed)| *changed) {
        Some((what, _)) => Err(Breach::Fixed {
            backend: after.id.clone(),
            what,
        }),
        None => Ok(()),
    }
}

fn list(codes: &[Code]) -> String {
    let codes: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    codes.join(", ")
}

#[cfg(test)]
mod tests {
    use backstop_core::{Command, Context, Create, Event, Update, create_organization, plan};

    use super::*;

    fn context() -> Context {
        Context::new("acme", "operator", 1_000)
    }

    fn roster() -> Roster {
        let roster = create_organization("inline".into(), &context())
            .unwrap()
            .roster;
        let create = Create::new("a", "primary", Kind::External, "OCI", "registry.example/a");
        plan(&roster, &Command::Create(create), &context())
            .unwrap()
            .roster
    }

    fn changed(roster: &Roster, changes: Vec<Change>) -> Result<Roster, Breach> {
        let revision = roster.revision + 1;
        verify(
            roster,
            &ChangeSet {
                revision,
                changes,
                events: Vec::new(),
            },
        )
    }

    #[test]
    fn what_the_core_plans_passes() {
        let founded = create_organization("inline".into(), &context()).unwrap();
        assert_eq!(
            verify(&Roster::empty(), &founded.change_set),
            Ok(founded.roster)
        );

        let roster = roster();
        let rotation = Update {
            default: Some(true),
            rotate: true,
            ..Update::new("a")
        };
        for command in [
            Command::Update(rotation),
            Command::Delete {
                backend: "a".into(),
            },
        ] {
            let planned = plan(&roster, &command, &context()).unwrap();
            assert_eq!(verify(&roster, &planned.change_set), Ok(planned.roster));
        }
    }

    #[test]
    fn what_is_immutable_stays() {
        let roster = roster();
        type Tamper = fn(&mut Backend);
        let tampered: [(&str, Tamper); 5] = [
            ("name", |backend| backend.name = "other".into()),
            ("kind", |backend| backend.kind = Kind::Managed),
            ("provider", |backend| backend.provider = "LOCAL".into()),
            ("location", |backend| backend.location = "elsewhere".into()),
            ("generation", |backend| backend.generation = 7),
        ];
        for (what, tamper) in tampered {
            let mut backend = roster.backend(&"a".into()).unwrap().clone();
            tamper(&mut backend);
            let expected = Breach::Fixed {
                backend: "a".into(),
                what,
            };
            assert_eq!(
                changed(&roster, vec![Change::UpdateBackend(backend)]),
                Err(expected)
            );
        }
    }

    #[test]
    fn what_no_command_does_is_refused() {
        let roster = roster();
        let external = roster.backend(&"a".into()).unwrap().clone();
        let ghost = Backend {
            id: "ghost".into(),
            ..external.clone()
        };
        let twin = Backend {
            id: "b".into(),
            ..external.clone()
        };
        let cases = [
            (vec![], Breach::Empty),
            (vec![Change::CreateOrganization], Breach::Several),
            (
                vec![
                    Change::UpdateBackend(external),
                    Change::DeleteBackend("a".into()),
                ],
                Breach::Several,
            ),
            (
                vec![Change::UpdateBackend(ghost)],
                Breach::Unknown {
                    backend: "ghost".into(),
                },
            ),
            (
                vec![Change::CreateBackend(twin)],
                Breach::Breaks {
                    codes: vec![Code::NameTaken],
                },
            ),
            (
                vec![Change::DeleteBackend("inline".into())],
                Breach::InlineDeleted {
                    backend: "inline".into(),
                },
            ),
            (
                vec![Change::SetRoute(Some("ghost".into()))],
                Breach::Route {
                    backend: "ghost".into(),
                },
            ),
        ];
        for (changes, breach) in cases {
            assert_eq!(changed(&roster, changes), Err(breach));
        }
    }

    #[test]
    fn revisions_grow_by_one_and_events_belong_to_theirs() {
        let roster = roster();
        let update = Update {
            description: Some("new".into()),
            ..Update::new("a")
        };
        let planned = plan(&roster, &Command::Update(update), &context())
            .unwrap()
            .change_set;

        let skipped = ChangeSet {
            revision: planned.revision + 1,
            ..planned.clone()
        };
        let breach = Breach::Revision {
            before: roster.revision,
            proposed: skipped.revision,
        };
        assert_eq!(verify(&roster, &skipped), Err(breach));

        let stray = Event {
            revision: 1,
            ..planned.events[0].clone()
        };
        let strayed = ChangeSet {
            events: vec![stray],
            ..planned
        };
        assert_eq!(verify(&roster, &strayed), Err(Breach::Event));
    }

    #[test]
    fn what_was_broken_before_may_stay_broken() {
        let mut roster = roster();
        roster.policy.fall = 0;
        let update = Update {
            description: Some("new".into()),
            ..Update::new("a")
        };
        let planned = plan(&roster, &Command::Update(update), &context()).unwrap();
        assert_eq!(verify(&roster, &planned.change_set), Ok(planned.roster));
    }
}
