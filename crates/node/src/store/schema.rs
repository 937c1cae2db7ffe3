//! Tables and pragmas. The version sits in `user_version`; each step up is one arm of [`prepare`].

use rusqlite::Connection;

const V1: &str = "
CREATE TABLE owners (
    id INTEGER PRIMARY KEY,
    type INTEGER NOT NULL,
    pubkey BLOB NOT NULL,
    UNIQUE (pubkey, type)
);
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash TEXT NOT NULL UNIQUE,
    owner INTEGER NOT NULL REFERENCES owners (id) ON DELETE CASCADE,
    namespace INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    expiry INTEGER NOT NULL,
    data BLOB NOT NULL
);
CREATE INDEX messages_expiry ON messages (expiry);
CREATE INDEX messages_owner ON messages (owner, namespace, id);
CREATE TRIGGER owner_without_messages AFTER DELETE ON messages FOR EACH ROW
    WHEN NOT EXISTS (SELECT 1 FROM messages WHERE owner = old.owner)
    BEGIN DELETE FROM owners WHERE id = old.owner; END;
CREATE TABLE forwards (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    peer BLOB NOT NULL,
    method TEXT NOT NULL,
    params TEXT NOT NULL,
    made INTEGER NOT NULL,
    expiry INTEGER NOT NULL
);
CREATE INDEX forwards_peer ON forwards (peer, id);
PRAGMA user_version = 1;
";

/// Revoked subaccounts; an owner lives as long as it has messages or revocations.
const V2: &str = "
CREATE TABLE revoked (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner INTEGER NOT NULL REFERENCES owners (id) ON DELETE CASCADE,
    token BLOB NOT NULL,
    timestamp INTEGER NOT NULL,
    UNIQUE (owner, token)
);
DROP TRIGGER owner_without_messages;
CREATE TRIGGER owner_without_messages AFTER DELETE ON messages FOR EACH ROW
    WHEN NOT EXISTS (SELECT 1 FROM messages WHERE owner = old.owner)
    AND NOT EXISTS (SELECT 1 FROM revoked WHERE owner = old.owner)
    BEGIN DELETE FROM owners WHERE id = old.owner; END;
CREATE TRIGGER owner_without_revocations AFTER DELETE ON revoked FOR EACH ROW
    WHEN NOT EXISTS (SELECT 1 FROM messages WHERE owner = old.owner)
    AND NOT EXISTS (SELECT 1 FROM revoked WHERE owner = old.owner)
    BEGIN DELETE FROM owners WHERE id = old.owner; END;
PRAGMA user_version = 2;
";

/// What members of a swarm pull from each other.
const V3: &str = "
CREATE TABLE removals (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL UNIQUE,
    type INTEGER NOT NULL,
    pubkey BLOB NOT NULL,
    method TEXT NOT NULL,
    params TEXT NOT NULL,
    made INTEGER NOT NULL,
    until INTEGER NOT NULL
);
CREATE INDEX removals_account ON removals (pubkey, type, made);
CREATE INDEX removals_until ON removals (until);
CREATE TABLE cursors (
    peer BLOB PRIMARY KEY,
    of TEXT NOT NULL,
    messages INTEGER NOT NULL,
    removals INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 3;
";

/// What each account keeps, so that it can be limited. A message's overhead is [`crate::limits::MESSAGE_OVERHEAD`].
const V4: &str = "
ALTER TABLE owners ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE owners SET bytes = (SELECT coalesce(sum(length(data) + 200), 0) FROM messages WHERE owner = owners.id);
CREATE TRIGGER message_counts AFTER INSERT ON messages FOR EACH ROW
    BEGIN UPDATE owners SET bytes = bytes + length(new.data) + 200 WHERE id = new.owner; END;
CREATE TRIGGER message_counts_no_more AFTER DELETE ON messages FOR EACH ROW
    BEGIN UPDATE owners SET bytes = bytes - length(old.data) - 200 WHERE id = old.owner; END;
PRAGMA user_version = 4;
";

/// When a client gave a message to the network: a deletion that was made before means an older copy. Unknown is as old as can be.
const V5: &str = "
ALTER TABLE messages ADD COLUMN stored INTEGER NOT NULL DEFAULT 0;
PRAGMA user_version = 5;
";

/// Whether so many percent of the room there is for pages are taken.
pub(super) fn is_filled(db: &Connection, percent: i64) -> rusqlite::Result<bool> {
    let pragma = |name: &str| -> rusqlite::Result<i64> { db.prepare_cached(name)?.query_row([], |row| row.get(0)) };
    let taken = pragma("PRAGMA page_count")?.saturating_sub(pragma("PRAGMA freelist_count")?);
    Ok(taken.saturating_mul(100) >= pragma("PRAGMA max_page_count")?.saturating_mul(percent))
}

/// Sets the pragmas and makes the tables if they are missing. At most 2,621,440 pages of 4 KiB, which is 10 GiB: when
/// full, a store fails and says so. The log is copied into the database after 4,000 pages: seldom, because that waits for the disk.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = ON;
         PRAGMA journal_size_limit = 16777216; PRAGMA wal_autocheckpoint = 4000; PRAGMA busy_timeout = 5000; PRAGMA temp_store = MEMORY;
         PRAGMA max_page_count = 2621440;",
    )?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let steps = [V1, V2, V3, V4, V5];
    match usize::try_from(version).ok().and_then(|done| steps.get(done..)) {
        Some([]) => Ok(()),
        Some(missing) => connection.execute_batch(&format!("BEGIN; {} COMMIT;", missing.concat())),
        None => Err(rusqlite::Error::InvalidQuery),
    }
}
