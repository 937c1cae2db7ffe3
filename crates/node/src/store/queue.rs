//! Copies of calls that a member of the swarm has not confirmed yet. Kept until the member took them or they are useless.

use rusqlite::Connection;
use rusqlite::params;

use super::schema;

/// One copy that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    pub id: i64,
    pub method: String,
    /// JSON.
    pub params: String,
    /// When the client's call was made, Unix ms.
    pub made: i64,
}

/// Percent of the database from which on the queue gives way, so many copies at a time: members pull what they lack.
const FILLED: i64 = 80;
const GIVES_WAY: i64 = 1_000;

/// Adds a copy for a peer; drops the oldest if the queue is too long or the database fills.
pub fn push(
    db: &Connection,
    peer: &[u8; 32],
    forward: (&str, &str),
    made: i64,
    expiry: i64,
    limit: i64,
) -> rusqlite::Result<()> {
    if schema::is_filled(db, FILLED)? {
        db.prepare_cached("DELETE FROM forwards WHERE id IN (SELECT id FROM forwards ORDER BY id LIMIT ?1)")?
            .execute([GIVES_WAY])?;
    }
    db.prepare_cached("INSERT INTO forwards (peer, method, params, made, expiry) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![peer, forward.0, forward.1, made, expiry])?;
    db.prepare_cached("DELETE FROM forwards WHERE id <= ?1 - ?2")?.execute(params![db.last_insert_rowid(), limit])?;
    Ok(())
}

/// Peers that copies wait for.
pub fn peers(db: &Connection) -> rusqlite::Result<Vec<[u8; 32]>> {
    db.prepare_cached("SELECT DISTINCT peer FROM forwards")?.query_map([], |row| row.get(0))?.collect()
}

/// The oldest copies for a peer, in order.
pub fn next(db: &Connection, peer: &[u8; 32], limit: i64) -> rusqlite::Result<Vec<Forward>> {
    db.prepare_cached("SELECT id, method, params, made FROM forwards WHERE peer = ?1 ORDER BY id LIMIT ?2")?
        .query_map(params![peer, limit], |row| {
            Ok(Forward { id: row.get(0)?, method: row.get(1)?, params: row.get(2)?, made: row.get(3)? })
        })?
        .collect()
}

/// Forgets a copy.
pub fn remove(db: &Connection, id: i64) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM forwards WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// Forgets copies that no longer matter.
pub fn purge(db: &Connection, now: i64) -> rusqlite::Result<usize> {
    db.prepare_cached("DELETE FROM forwards WHERE expiry <= ?1")?.execute([now])
}
