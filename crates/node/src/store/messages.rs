//! Messages: insert, read, delete, expire. Every function is one job of [`super::Store::run`].

use std::collections::BTreeMap;

use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::Row;
use rusqlite::params;

use super::schema;
use crate::account::Account;
use crate::limits;

/// One stored message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub hash: String,
    pub namespace: i16,
    pub timestamp: i64,
    pub expiry: i64,
    /// When a client gave it to the network, by the clock of the node that took it: Unix ms, 0 if unknown.
    pub stored: i64,
    pub data: Vec<u8>,
}

/// What an insert did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It is new.
    New,
    /// It was there; this is its expiry now (the later of both).
    Already { expiry: i64 },
    /// A newer value is in the public outbox: this one is not stored.
    Superseded,
    /// The account keeps as much as it may.
    NoRoom,
}

/// Which namespaces a call means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// This one.
    One(i16),
    /// Every one.
    All,
}

/// How `expire` may move an expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// Set it.
    Set,
    /// Only to an earlier time.
    Shorten,
    /// Only to a later time.
    Extend,
}

/// Hashes with the namespace each was in, sorted by hash.
pub type Hashes = BTreeMap<String, i16>;

/// Percent of the database that messages may fill: the rest is for what takes messages away.
const FILLED: i64 = 95;

/// Inserts by hash; the same message again only moves its times up. Fails as on a full disk if there is no room.
pub fn insert(db: &Connection, account: &Account, message: &Message) -> rusqlite::Result<Inserted> {
    let known: Option<(i64, i64)> = db
        .prepare_cached("SELECT expiry, stored FROM messages WHERE hash = ?1")?
        .query_row([&message.hash], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((expiry, stored)) = known {
        if message.expiry > expiry || message.stored > stored {
            db.prepare_cached(
                "UPDATE messages SET expiry = max(expiry, ?2), stored = max(stored, ?3) WHERE hash = ?1",
            )?
            .execute(params![message.hash, message.expiry, message.stored])?;
        }
        return Ok(Inserted::Already { expiry: expiry.max(message.expiry) });
    }
    if schema::is_filled(db, FILLED)? {
        let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
        return Err(rusqlite::Error::SqliteFailure(full, Some("there is no room for messages".to_owned())));
    }
    add_owner(db, account)?;
    db.prepare_cached(
        "INSERT INTO messages (hash, owner, namespace, timestamp, expiry, stored, data)
         SELECT ?1, id, ?4, ?5, ?6, ?7, ?8 FROM owners WHERE pubkey = ?3 AND type = ?2",
    )?
    .execute(params![
        message.hash,
        account.prefix,
        account.key,
        message.namespace,
        message.timestamp,
        message.expiry,
        message.stored,
        message.data
    ])?;
    Ok(Inserted::New)
}

/// Inserts unless the account keeps so many bytes already. What is here takes no room.
pub fn insert_if_room(db: &Connection, account: &Account, message: &Message, limit: i64) -> rusqlite::Result<Inserted> {
    let kept: Option<i64> = db
        .prepare_cached("SELECT bytes FROM owners WHERE pubkey = ?2 AND type = ?1")?
        .query_row(params![account.prefix, account.key], |row| row.get(0))
        .optional()?;
    let size = i64::try_from(message.data.len()).unwrap_or(i64::MAX).saturating_add(limits::MESSAGE_OVERHEAD);
    let full = kept.unwrap_or(0).saturating_add(size) > limit;
    if full && !db.prepare_cached("SELECT 1 FROM messages WHERE hash = ?1")?.exists([&message.hash])? {
        return Ok(Inserted::NoRoom);
    }
    insert(db, account, message)
}

/// Makes sure that the account has a row.
pub(super) fn add_owner(db: &Connection, account: &Account) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR IGNORE INTO owners (type, pubkey) VALUES (?1, ?2)")?
        .execute(params![account.prefix, account.key])?;
    Ok(())
}

/// The time and hash of the value in a public outbox.
pub fn outbox(db: &Connection, account: &Account, namespace: i16) -> rusqlite::Result<Option<(i64, String)>> {
    db.prepare_cached(
        "SELECT timestamp, hash FROM messages WHERE owner = (SELECT id FROM owners WHERE pubkey = ?2 AND type = ?1)
         AND namespace = ?3 ORDER BY timestamp DESC, hash DESC LIMIT 1",
    )?
    .query_row(params![account.prefix, account.key, namespace], |row| Ok((row.get(0)?, row.get(1)?)))
    .optional()
}

/// Inserts into a public outbox, which holds one value: the one with the latest time (of equal ones the larger hash), in
/// whatever order they come. So all members end up with the same one.
pub fn replace(db: &Connection, account: &Account, message: &Message) -> rusqlite::Result<Inserted> {
    if let Some((timestamp, hash)) = outbox(db, account, message.namespace)?
        && hash != message.hash
        && (timestamp, &hash) > (message.timestamp, &message.hash)
    {
        return Ok(Inserted::Superseded);
    }
    put_alone(db, account, message)
}

/// What a client stores in a public outbox now takes the place of what is there, though its clock may be behind that of the
/// device which stored that. So it gets a time after it, which is returned and which all members go by. A time after `latest`
/// is nobody's, and is not gone by.
pub fn supersede(
    db: &Connection,
    account: &Account,
    message: Message,
    latest: i64,
) -> rusqlite::Result<(Inserted, i64)> {
    let mut timestamp = message.timestamp;
    if let Some((present, hash)) = outbox(db, account, message.namespace)?
        && hash != message.hash
        && present < latest
    {
        timestamp = timestamp.max(present.saturating_add(1));
    }
    Ok((put_alone(db, account, &Message { timestamp, ..message })?, timestamp))
}

fn put_alone(db: &Connection, account: &Account, message: &Message) -> rusqlite::Result<Inserted> {
    let inserted = insert(db, account, message)?;
    db.prepare_cached("UPDATE messages SET timestamp = ?2 WHERE hash = ?1 AND timestamp < ?2")?
        .execute(params![message.hash, message.timestamp])?;
    db.prepare_cached(
        "DELETE FROM messages WHERE owner = (SELECT id FROM owners WHERE pubkey = ?2 AND type = ?1)
         AND namespace = ?3 AND hash != ?4",
    )?
    .execute(params![account.prefix, account.key, message.namespace, message.hash])?;
    Ok(inserted)
}

/// How much of a namespace to read.
#[derive(Debug, Clone)]
pub struct Page {
    pub namespace: i16,
    /// Rows after this one; unknown or absent means from the start.
    pub last_hash: Option<String>,
    pub now: i64,
    pub max_count: Option<usize>,
    /// Accounted bytes.
    pub max_size: i64,
    /// Data counts as the base64 it becomes.
    pub as_base64: bool,
}

/// Messages in the order this node got them, and whether more were left out.
pub fn retrieve(db: &Connection, account: &Account, page: &Page) -> rusqlite::Result<(Vec<Message>, bool)> {
    let after: i64 = match &page.last_hash {
        None => 0,
        Some(hash) => db
            .prepare_cached(
                "SELECT m.id FROM messages m JOIN owners o ON o.id = m.owner
                 WHERE m.hash = ?1 AND o.pubkey = ?3 AND o.type = ?2 AND m.namespace = ?4",
            )?
            .query_row(params![hash, account.prefix, account.key, page.namespace], |row| row.get(0))
            .optional()?
            .unwrap_or(0),
    };
    let mut statement = db.prepare_cached(
        "SELECT hash, namespace, timestamp, expiry, stored, data FROM messages
         WHERE owner = (SELECT id FROM owners WHERE pubkey = ?2 AND type = ?1)
         AND namespace = ?3 AND id > ?4 AND expiry > ?5 ORDER BY id",
    )?;
    let mut rows = statement.query(params![account.prefix, account.key, page.namespace, after, page.now])?;
    let mut messages = Vec::new();
    let mut size = 0_i64;
    while let Some(row) = rows.next()? {
        let message = message(row)?;
        let data = i64::try_from(message.data.len()).unwrap_or(i64::MAX);
        size = size.saturating_add(143 + if page.as_base64 { data.saturating_mul(4) / 3 } else { data });
        let full = size > page.max_size || page.max_count.is_some_and(|count| messages.len() >= count);
        if full && !messages.is_empty() {
            return Ok((messages, true));
        }
        messages.push(message);
    }
    Ok((messages, false))
}

fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    Ok(Message {
        hash: row.get(0)?,
        namespace: row.get(1)?,
        timestamp: row.get(2)?,
        expiry: row.get(3)?,
        stored: row.get(4)?,
        data: row.get(5)?,
    })
}

/// Deletes these messages of the account in whatever namespace they are, unless they were stored after `until`; returns those
/// that were there.
pub fn delete(db: &Connection, account: &Account, hashes: &[String], until: i64) -> rusqlite::Result<Vec<String>> {
    let mut statement = db.prepare_cached(
        "DELETE FROM messages WHERE hash = ?1 AND owner = (SELECT id FROM owners WHERE pubkey = ?3 AND type = ?2)
         AND stored <= ?4",
    )?;
    let mut deleted = Vec::new();
    for hash in hashes {
        if statement.execute(params![hash, account.prefix, account.key, until])? > 0 {
            deleted.push(hash.clone());
        }
    }
    deleted.sort_unstable();
    Ok(deleted)
}

/// Deletes everything of the account in scope whose stored timestamp is not after `until`.
pub fn delete_until(db: &Connection, account: &Account, scope: Scope, until: i64) -> rusqlite::Result<Hashes> {
    let (first, last) = range(scope);
    let mut statement = db.prepare_cached(
        "DELETE FROM messages WHERE owner = (SELECT id FROM owners WHERE pubkey = ?2 AND type = ?1)
         AND namespace BETWEEN ?3 AND ?4 AND timestamp <= ?5 RETURNING hash, namespace",
    )?;
    statement
        .query_map(params![account.prefix, account.key, first, last, until], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Shortens the expiry of everything in scope whose stored timestamp is not after `until`.
pub fn expire_all(
    db: &Connection,
    account: &Account,
    scope: Scope,
    expiry: i64,
    until: i64,
) -> rusqlite::Result<Hashes> {
    let (first, last) = range(scope);
    let mut statement = db.prepare_cached(
        "UPDATE messages SET expiry = ?5 WHERE owner = (SELECT id FROM owners WHERE pubkey = ?2 AND type = ?1)
         AND namespace BETWEEN ?3 AND ?4 AND expiry > ?5 AND timestamp <= ?6 RETURNING hash, namespace",
    )?;
    statement
        .query_map(params![account.prefix, account.key, first, last, expiry, until], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect()
}

const fn range(scope: Scope) -> (i16, i16) {
    match scope {
        Scope::One(namespace) => (namespace, namespace),
        Scope::All => (i16::MIN, i16::MAX),
    }
}

/// What `expire` did, in the order of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    pub hash: String,
    /// The expiry now.
    pub expiry: i64,
    pub updated: bool,
}

/// Moves the expiry of messages that are here and were not stored after `until`. An extension by less than 1 % of the lifetime is not written.
pub fn expire(
    db: &Connection,
    account: &Account,
    wanted: &[(String, i64)],
    how: Move,
    (now, until): (i64, i64),
) -> rusqlite::Result<Vec<Moved>> {
    let mut find = db.prepare_cached(
        "SELECT expiry, timestamp FROM messages WHERE hash = ?1 AND expiry > ?4 AND stored <= ?5
         AND owner = (SELECT id FROM owners WHERE pubkey = ?3 AND type = ?2)",
    )?;
    let mut set = db.prepare_cached("UPDATE messages SET expiry = ?2 WHERE hash = ?1")?;
    let mut moved = Vec::new();
    for (hash, expiry) in wanted {
        let found: Option<(i64, i64)> = find
            .query_row(params![hash, account.prefix, account.key, now, until], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((current, timestamp)) = found else { continue };
        let updated = match how {
            Move::Set => true,
            Move::Shorten => *expiry < current,
            Move::Extend => *expiry > current && (expiry - current) >= current.saturating_sub(timestamp) / 100,
        };
        if updated {
            set.execute(params![hash, expiry])?;
        }
        moved.push(Moved { hash: hash.clone(), expiry: if updated { *expiry } else { current }, updated });
    }
    Ok(moved)
}

/// The expiries of those messages that are here.
pub fn expiries(
    db: &Connection,
    account: &Account,
    hashes: &[String],
    now: i64,
) -> rusqlite::Result<BTreeMap<String, i64>> {
    let mut find = db.prepare_cached(
        "SELECT expiry FROM messages WHERE hash = ?1 AND expiry > ?4
         AND owner = (SELECT id FROM owners WHERE pubkey = ?3 AND type = ?2)",
    )?;
    let mut found = BTreeMap::new();
    for hash in hashes {
        let expiry = find.query_row(params![hash, account.prefix, account.key, now], |row| row.get(0)).optional()?;
        if let Some(expiry) = expiry {
            found.insert(hash.clone(), expiry);
        }
    }
    Ok(found)
}

/// Removes what has expired; returns how many.
pub fn purge(db: &Connection, now: i64) -> rusqlite::Result<usize> {
    db.prepare_cached("DELETE FROM messages WHERE expiry <= ?1")?.execute([now])
}

/// When the last of those of these messages that are here was stored.
pub fn last_stored(db: &Connection, account: &Account, hashes: &[&str]) -> rusqlite::Result<Option<i64>> {
    let mut find = db.prepare_cached(
        "SELECT stored FROM messages WHERE hash = ?1 AND owner = (SELECT id FROM owners WHERE pubkey = ?3 AND type = ?2)",
    )?;
    let mut last = None;
    for hash in hashes {
        last = last.max(find.query_row(params![hash, account.prefix, account.key], |row| row.get(0)).optional()?);
    }
    Ok(last)
}

/// How many messages are here.
pub fn count(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row("SELECT count(*) FROM messages", [], |row| row.get(0))
}

/// These messages with their accounts, stopping before `max_size` bytes of data but giving at least one.
pub fn fetch(
    db: &Connection,
    hashes: &[String],
    now: i64,
    max_size: usize,
) -> rusqlite::Result<Vec<(Account, Message)>> {
    let mut find = db.prepare_cached(
        "SELECT m.hash, m.namespace, m.timestamp, m.expiry, m.stored, m.data, o.type, o.pubkey
         FROM messages m JOIN owners o ON o.id = m.owner WHERE m.hash = ?1 AND m.expiry > ?2",
    )?;
    let mut found = Vec::new();
    let mut size = 0_usize;
    for hash in hashes {
        let row = find
            .query_row(params![hash, now], |row| Ok((Account { prefix: row.get(6)?, key: row.get(7)? }, message(row)?)))
            .optional()?;
        let Some((account, message)) = row else { continue };
        size = size.saturating_add(message.data.len() + 200);
        if size > max_size && !found.is_empty() {
            break;
        }
        found.push((account, message));
    }
    Ok(found)
}
