//! Opens the database and brings its shape up to date.

use js_sys::Function;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::DomException;
use web_sys::IdbDatabase;
use web_sys::IdbFactory;
use web_sys::IdbOpenDbRequest;
use web_sys::IdbVersionChangeEvent;

use super::OpenError;
use super::txn::Database;
use super::txn::factory;
use super::txn::request;

/// One change of shape.
pub struct Step {
    /// The version this step leads to.
    pub version: u32,
    /// Changes stores, while the upgrade's transaction is open. `None`: the database refused; nothing is changed then.
    pub apply: fn(&Database) -> Option<()>,
}

/// Opens `name` at `version`. A database of a newer, still compatible version (same hundred) opens as it is.
pub(super) async fn open(name: &str, version: u32, steps: &'static [Step]) -> Result<Database, OpenError> {
    let factory = factory().ok_or(OpenError::Unavailable)?;
    match attempt(&factory, name, Some(version), steps).await {
        Err(Failed::Version) => {}
        Ok(database) => return Ok(database),
        Err(failed) => return Err(failed.into()),
    }
    let database = attempt(&factory, name, None, steps).await?;
    if (database.version() / 100.0).floor() == f64::from(version / 100) {
        return Ok(database);
    }
    database.close();
    Err(OpenError::TooNew)
}

/// Why one attempt to open failed.
enum Failed {
    /// The database is newer than asked for.
    Version,
    Blocked,
    Other,
}

impl From<Failed> for OpenError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Version => Self::TooNew,
            Failed::Blocked => Self::Blocked,
            Failed::Other => Self::Unavailable,
        }
    }
}

async fn attempt(
    factory: &IdbFactory,
    name: &str,
    version: Option<u32>,
    steps: &'static [Step],
) -> Result<Database, Failed> {
    let opening = match version {
        Some(version) => factory.open_with_u32(name, version),
        None => factory.open(name),
    };
    let opening = opening.map_err(|_| Failed::Other)?;

    let upgrade = Closure::<dyn FnMut(IdbVersionChangeEvent)>::new({
        let opening = opening.clone();
        move |event: IdbVersionChangeEvent| upgrade(&opening, event.old_version(), steps)
    });
    opening.set_onupgradeneeded(Some(upgrade.as_ref().unchecked_ref()));
    // Older tabs close when asked to (see Database); one that does not leaves this start waiting, so it ends here.
    let (block, blocked) = futures_channel::oneshot::channel::<()>();
    let on_blocked = Closure::once(move || {
        let _ = block.send(());
    });
    opening.set_onblocked(Some(on_blocked.as_ref().unchecked_ref::<Function>()));

    let opened = std::pin::pin!(request(&opening));
    let patience = std::pin::pin!(async {
        if blocked.await.is_ok() {
            super::super::clock::sleep(3_000).await;
        } else {
            std::future::pending::<()>().await;
        }
    });
    match futures_util::future::select(opened, patience).await {
        futures_util::future::Either::Left((Ok(database), _)) => {
            Ok(Database::new(database.dyn_into::<IdbDatabase>().map_err(|_| Failed::Other)?))
        }
        futures_util::future::Either::Left((Err(error), _)) => {
            let newer = error.dyn_ref::<DomException>().is_some_and(|error| error.name() == "VersionError");
            Err(if newer { Failed::Version } else { Failed::Other })
        }
        futures_util::future::Either::Right(_) => {
            // Should it open later after all, it must not stay open behind our back.
            let late = Closure::once_into_js({
                let opening = opening.clone();
                move || {
                    if let Some(database) = opening.result().ok().and_then(|late| late.dyn_into::<IdbDatabase>().ok()) {
                        database.close();
                    }
                }
            });
            opening.set_onsuccess(Some(late.unchecked_ref()));
            upgrade.forget();
            Err(Failed::Blocked)
        }
    }
}

/// Runs the steps that lead from `old` to the newest version. A step that fails undoes the whole upgrade.
fn upgrade(opening: &IdbOpenDbRequest, old: f64, steps: &[Step]) {
    let Some(database) = opening.result().ok().and_then(|database| database.dyn_into::<IdbDatabase>().ok()) else {
        return;
    };
    let database = Database::new(database);
    let done = steps.iter().filter(|step| f64::from(step.version) > old).try_for_each(|step| (step.apply)(&database));
    if done.is_none()
        && let Some(transaction) = opening.transaction()
    {
        let _ = transaction.abort();
    }
}
