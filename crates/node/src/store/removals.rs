//! Signed calls that take messages away or shorten their life, kept so that what was deleted does not come back.
//!
//! They are the tombstones of a swarm: a member that missed a call gets it from the others and checks its signature like
//! any other; a member that is offered an old message asks here first. Each is kept for as long as a message can live.

use rusqlite::Connection;
use rusqlite::Row;
use rusqlite::params;

use crate::account::Account;

/// Kept of one account: so many calls, and so many bytes of them.
const PER_ACCOUNT: i64 = 500;
const BYTES_PER_ACCOUNT: i64 = 2 * 1024 * 1024;

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    pub account: Account,
    pub method: String,
    /// JSON, as members pass it on.
    pub params: String,
    /// When the client's call was made, Unix ms.
    pub made: i64,
}

/// Keeps a call until then; false if it is here already, made then or later: the same bytes may be said again, and then take away
/// what came between. Of an account with too many the oldest go.
pub fn note(db: &Connection, digest: &[u8; 32], removal: &Removal, until: i64) -> rusqlite::Result<bool> {
    let Removal { account, method, params: body, made } = removal;
    let new = db
        .prepare_cached(
            "INSERT INTO removals (digest, type, pubkey, method, params, made, until)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (digest) DO UPDATE SET made = excluded.made, until = excluded.until
             WHERE excluded.made > made",
        )?
        .execute(params![digest, account.prefix, account.key, method, body, made, until])?
        > 0;
    if new {
        db.prepare_cached(
            "DELETE FROM removals WHERE id IN (SELECT id FROM (
                 SELECT id, row_number() OVER newest AS count, sum(length(params)) OVER newest AS bytes
                 FROM removals WHERE pubkey = ?2 AND type = ?1 WINDOW newest AS (ORDER BY id DESC))
             WHERE count > ?3 OR (count > 1 AND bytes > ?4))",
        )?
        .execute(params![account.prefix, account.key, PER_ACCOUNT, BYTES_PER_ACCOUNT])?;
    }
    Ok(new)
}

/// Whether this call is here.
pub fn knows(db: &Connection, digest: &[u8; 32]) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM removals WHERE digest = ?1")?.exists([digest])
}

/// Calls after this one with their ids, in order.
pub fn since(db: &Connection, after: i64, limit: usize) -> rusqlite::Result<Vec<(i64, Removal)>> {
    db.prepare_cached("SELECT id, type, pubkey, method, params, made FROM removals WHERE id > ?1 ORDER BY id LIMIT ?2")?
        .query_map(params![after, i64::try_from(limit).unwrap_or(i64::MAX)], |row| Ok((row.get(0)?, removal(row)?)))?
        .collect()
}

/// Calls of an account in the order in which they were made.
pub fn of(db: &Connection, account: &Account) -> rusqlite::Result<Vec<Removal>> {
    db.prepare_cached(
        "SELECT id, type, pubkey, method, params, made FROM removals WHERE pubkey = ?2 AND type = ?1 ORDER BY made, id",
    )?
    .query_map(params![account.prefix, account.key], removal)?
    .collect()
}

fn removal(row: &Row<'_>) -> rusqlite::Result<Removal> {
    let account = Account { prefix: row.get(1)?, key: row.get(2)? };
    Ok(Removal { account, method: row.get(3)?, params: row.get(4)?, made: row.get(5)? })
}

/// Forgets calls that no message can be older than.
pub fn purge(db: &Connection, now: i64) -> rusqlite::Result<usize> {
    db.prepare_cached("DELETE FROM removals WHERE until <= ?1")?.execute([now])
}
