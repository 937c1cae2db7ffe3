//! What members of a swarm compare and take from each other: lists by order of arrival, digests and lists by hash, cursors.
//!
//! `ours` picks the accounts that are meant. Nothing here judges what it is given.

use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::params;
use zwiebel_crypto::hash::blake2b;

use super::messages::Message;
use crate::account::Account;

/// The first characters of hashes in the order of their bytes: one range each.
pub const RANGES: &[u8; 64] = b"+/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A message's name and life.
pub type Entry = (String, i64);

/// Up to `limit` rows with an id above `after`: the id of the last row that was looked at, and those that are meant.
pub fn list(
    db: &Connection,
    after: i64,
    now: i64,
    limit: usize,
    ours: impl Fn(&Account) -> bool,
) -> rusqlite::Result<(Option<i64>, Vec<Entry>)> {
    let mut statement = db.prepare_cached(
        "SELECT m.id, o.type, o.pubkey, m.hash, m.expiry FROM messages m JOIN owners o ON o.id = m.owner
         WHERE m.id > ?1 ORDER BY m.id LIMIT ?2",
    )?;
    let mut rows = statement.query(params![after, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let (mut last, mut entries) = (None, Vec::new());
    while let Some(row) = rows.next()? {
        last = Some(row.get(0)?);
        let expiry: i64 = row.get(4)?;
        if expiry > now && ours(&Account { prefix: row.get(1)?, key: row.get(2)? }) {
            entries.push((row.get(3)?, expiry));
        }
    }
    Ok((last, entries))
}

/// Those of one range after this hash, by hash; at most `limit` of them.
pub fn range(
    db: &Connection,
    first: u8,
    after: &str,
    now: i64,
    limit: usize,
    ours: impl Fn(&Account) -> bool,
) -> rusqlite::Result<Vec<Entry>> {
    let from = char::from(first).to_string();
    let to = char::from(first.saturating_add(1)).to_string();
    let mut statement = db.prepare_cached(
        "SELECT m.hash, m.expiry, o.type, o.pubkey FROM messages m JOIN owners o ON o.id = m.owner
         WHERE m.hash >= ?1 AND m.hash < ?2 AND m.hash > ?3 AND m.expiry > ?4 ORDER BY m.hash",
    )?;
    let mut rows = statement.query(params![from, to, after, now])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        if entries.len() >= limit {
            break;
        }
        if ours(&Account { prefix: row.get(2)?, key: row.get(3)? }) {
            entries.push((row.get(0)?, row.get(1)?));
        }
    }
    Ok(entries)
}

/// One number for a set of entries, whatever their order.
#[must_use]
pub fn digest(entries: &[Entry]) -> String {
    let sum = entries.iter().fold(0_u128, |sum, (hash, expiry)| {
        sum ^ u128::from_le_bytes(blake2b::<16>(&[hash.as_bytes(), &expiry.to_le_bytes()]))
    });
    format!("{}-{sum:x}", entries.len())
}

/// What this store lacks of a list, and what it has with a shorter life.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lacking {
    pub missing: Vec<String>,
    /// Messages without their data, with the longer life that was listed.
    pub longer: Vec<(Account, Message)>,
}

/// Compares a list with what is here.
pub fn compare(db: &Connection, listed: &[Entry]) -> rusqlite::Result<Lacking> {
    let mut find = db.prepare_cached(
        "SELECT m.expiry, m.namespace, m.timestamp, m.stored, o.type, o.pubkey
         FROM messages m JOIN owners o ON o.id = m.owner WHERE m.hash = ?1",
    )?;
    let mut lacking = Lacking::default();
    for (hash, expiry) in listed {
        let found: Option<(i64, Account, Message)> = find
            .query_row([hash], |row| {
                let account = Account { prefix: row.get(4)?, key: row.get(5)? };
                let (namespace, timestamp, stored) = (row.get(1)?, row.get(2)?, row.get(3)?);
                let (hash, expiry) = (hash.clone(), *expiry);
                Ok((row.get(0)?, account, Message { hash, namespace, timestamp, expiry, stored, data: Vec::new() }))
            })
            .optional()?;
        match found {
            None => lacking.missing.push(hash.clone()),
            Some((known, account, message)) if known < *expiry => lacking.longer.push((account, message)),
            Some(_) => {}
        }
    }
    Ok(lacking)
}

/// Lets messages live longer; never shorter.
pub fn prolong(db: &Connection, entries: &[Entry]) -> rusqlite::Result<()> {
    let mut raise = db.prepare_cached("UPDATE messages SET expiry = ?2 WHERE hash = ?1 AND expiry < ?2")?;
    for (hash, expiry) in entries {
        raise.execute(params![hash, expiry])?;
    }
    Ok(())
}

/// A message that was here before `before` and lives beyond `until`, the first one from a random place on, around.
pub fn sample(
    db: &Connection,
    near: &str,
    before: i64,
    until: i64,
    ours: impl Fn(&Account) -> bool,
) -> rusqlite::Result<Option<(String, Vec<u8>)>> {
    let mut statement = db.prepare_cached(
        "SELECT m.hash, m.data, o.type, o.pubkey FROM messages m JOIN owners o ON o.id = m.owner
         WHERE m.hash >= ?1 AND m.timestamp < ?2 AND m.expiry > ?3 ORDER BY m.hash LIMIT 20",
    )?;
    for from in [near, ""] {
        let mut rows = statement.query(params![from, before, until])?;
        while let Some(row) = rows.next()? {
            if ours(&Account { prefix: row.get(2)?, key: row.get(3)? }) {
                return Ok(Some((row.get(0)?, row.get(1)?)));
            }
        }
    }
    Ok(None)
}

/// The data of one message.
pub fn data(db: &Connection, hash: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    db.prepare_cached("SELECT data FROM messages WHERE hash = ?1")?.query_row([hash], |row| row.get(0)).optional()
}

/// How far a peer's lists have been read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Which database of the peer, and which list of nodes, the numbers belong to.
    pub of: String,
    pub messages: i64,
    pub removals: i64,
}

/// The cursor at a peer; all zero if there is none.
pub fn cursor(db: &Connection, peer: &[u8; 32]) -> rusqlite::Result<Cursor> {
    let found = db
        .prepare_cached("SELECT of, messages, removals FROM cursors WHERE peer = ?1")?
        .query_row([peer], |row| Ok(Cursor { of: row.get(0)?, messages: row.get(1)?, removals: row.get(2)? }))
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// Remembers how far a peer's lists have been read.
pub fn set_cursor(db: &Connection, peer: &[u8; 32], cursor: &Cursor) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO cursors (peer, of, messages, removals) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![peer, cursor.of, cursor.messages, cursor.removals])?;
    Ok(())
}

/// A name of this database that no other has.
pub fn identity(db: &Connection) -> rusqlite::Result<String> {
    db.prepare_cached("INSERT OR IGNORE INTO meta (name, value) VALUES ('identity', hex(randomblob(16)))")?
        .execute([])?;
    db.prepare_cached("SELECT value FROM meta WHERE name = 'identity'")?.query_row([], |row| row.get(0))
}
