//! Revoked subaccounts (service-nodes 3.9): the newest tokens of each account. An account with a revocation and no message is
//! still an account.

use rusqlite::Connection;
use rusqlite::params;

use super::messages::add_owner;
use crate::account::Account;

/// Prefix, flags, two zero bytes, Ed25519 key.
pub type Token = [u8; 36];

/// Revokes these tokens; only the newest `keep` of the account stay.
pub fn add(db: &Connection, account: &Account, tokens: &[Token], timestamp: i64, keep: i64) -> rusqlite::Result<()> {
    add_owner(db, account)?;
    let mut insert = db.prepare_cached(
        "INSERT INTO revoked (owner, token, timestamp) SELECT id, ?3, ?4 FROM owners WHERE pubkey = ?2 AND type = ?1
         ON CONFLICT (owner, token) DO UPDATE SET timestamp = max(timestamp, excluded.timestamp)",
    )?;
    for token in tokens {
        insert.execute(params![account.prefix, account.key, token, timestamp])?;
    }
    db.prepare_cached(
        "DELETE FROM revoked WHERE id IN (
            SELECT id FROM revoked WHERE owner = (SELECT id FROM owners WHERE pubkey = ?2 AND type = ?1)
            ORDER BY timestamp DESC, id DESC LIMIT -1 OFFSET ?3)",
    )?
    .execute(params![account.prefix, account.key, keep])?;
    Ok(())
}

/// Takes back the revocation of these tokens as far as it is not newer than `until`; how many were revoked.
pub fn remove(db: &Connection, account: &Account, tokens: &[Token], until: i64) -> rusqlite::Result<usize> {
    let mut delete = db.prepare_cached(
        "DELETE FROM revoked WHERE owner = (SELECT id FROM owners WHERE pubkey = ?2 AND type = ?1)
         AND token = ?3 AND timestamp <= ?4",
    )?;
    tokens
        .iter()
        .try_fold(0, |count, token| Ok(count + delete.execute(params![account.prefix, account.key, token, until])?))
}

/// Whether this token is revoked.
pub fn contains(db: &Connection, account: &Account, token: &Token) -> rusqlite::Result<bool> {
    db.prepare_cached(
        "SELECT 1 FROM revoked WHERE owner = (SELECT id FROM owners WHERE pubkey = ?2 AND type = ?1) AND token = ?3",
    )?
    .exists(params![account.prefix, account.key, token])
}

/// The account's revoked tokens, oldest first.
pub fn list(db: &Connection, account: &Account) -> rusqlite::Result<Vec<Token>> {
    db.prepare_cached(
        "SELECT token FROM revoked WHERE owner = (SELECT id FROM owners WHERE pubkey = ?2 AND type = ?1)
         ORDER BY timestamp, id",
    )?
    .query_map(params![account.prefix, account.key], |row| row.get(0))?
    .collect()
}
