//! The whole host in a program: two directories, a failover, and what is on record of it.
//!
//! `cargo run -p backstop --example control_plane`

use std::{error::Error, fs, path::Path};

use backstop::{
    ControlPlane, NewBackend, Policy, new_id, now,
    probe::Credentials,
    secret::KeySource,
    store::{self, Address, EventRange, SqliteOptions},
};
use backstop_core::{Context, Create, Kind, Request};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let database = Address::Sqlite(folder.path().join("backstop.db"));
    let store = store::open(&database, &SqliteOptions::default()).await?;
    let keys = KeySource::File {
        path: folder.path().join("backstop.key"),
        create_directory: false,
    };
    let plane = ControlPlane::new(Policy::embedded()?, store, keys);

    let context = || Context::new("acme", "example", now());
    plane.create_organization(&context()).await?;
    for (name, default) in [("primary", true), ("spare", false)] {
        let path = folder.path().join(name);
        fs::create_dir(&path)?;
        let create = Create {
            default,
            fallback: !default,
            ..Create::new(&new_id(), name, Kind::External, "LOCAL", text(&path)?)
        };
        let credentials = Credentials::None;
        let new = NewBackend {
            create,
            credentials,
        };
        plane.create(new, &context()).await?;
    }
    report(&plane, &context()).await?;

    println!("the default breaks");
    fs::remove_dir(folder.path().join("primary"))?;
    let roster = plane.store().load("acme").await?;
    let ids: Vec<_> = roster.default.into_iter().collect();
    plane.check(&ids, &context(), || {}).await?;
    report(&plane, &context()).await?;

    for stored in plane.store().events("acme", &EventRange::default()).await? {
        println!("{:>2} {}", stored.sequence, stored.event.kind.code());
    }
    plane.store().close().await;
    Ok(())
}

async fn report(plane: &ControlPlane, context: &Context) -> Result<(), backstop::Error> {
    match plane.resolve(&Request::default(), context).await?.answer {
        Ok(decision) => println!(
            "write to `{}` ({}), degraded: {}",
            decision.backend.name, decision.position, decision.degraded
        ),
        Err(refusal) => println!("write nowhere: {refusal}"),
    }
    Ok(())
}

fn text(path: &Path) -> Result<&str, Box<dyn Error>> {
    path.to_str().ok_or_else(|| "a location is text".into())
}
