//! Open waits of retrieves: who is told when a message comes. Knows accounts and namespaces; what a message is, it does not.
//!
//! An account has at most [`limits::WAITS_PER_ACCOUNT`] of them: a newer one ends the oldest. A wait that is dropped is gone.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use tokio::sync::Notify;

use crate::account::Account;
use crate::limits;

/// All open waits of a node.
#[derive(Debug, Default)]
pub struct Waits(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    next: u64,
    accounts: HashMap<Account, Vec<Entry>>,
    open: usize,
    /// The node is about to stop.
    closed: bool,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    namespaces: Vec<i16>,
    bell: Arc<Bell>,
}

#[derive(Debug, Default)]
struct Bell {
    rung: Notify,
    over: AtomicBool,
}

/// One open wait; dropping it closes it.
#[derive(Debug)]
pub struct Wait {
    waits: Arc<Waits>,
    id: u64,
    accounts: Vec<Account>,
    bell: Arc<Bell>,
}

impl Waits {
    /// Opens a wait for messages in these places; the oldest of an account that has enough of them ends. None if the node
    /// has as many as it can hold.
    #[must_use]
    pub fn open(self: &Arc<Self>, places: &[(Account, i16)]) -> Option<Wait> {
        let bell = Arc::new(Bell::default());
        let mut table = self.table();
        if table.closed || table.open.saturating_add(places.len()) > limits::WAITS {
            return None;
        }
        let id = table.next;
        table.next = id.wrapping_add(1);
        let mut accounts = Vec::new();
        for (account, namespace) in places {
            if accounts.contains(account) {
                let own = table.accounts.get_mut(account).and_then(|entries| entries.last_mut());
                own.into_iter().for_each(|own| own.namespaces.push(*namespace));
                continue;
            }
            accounts.push(*account);
            table.add(*account, Entry { id, namespaces: vec![*namespace], bell: Arc::clone(&bell) });
        }
        drop(table);
        Some(Wait { waits: Arc::clone(self), id, accounts, bell })
    }

    /// Tells those who wait that a message came.
    pub fn ring(&self, account: &Account, namespace: i16) {
        let table = self.table();
        for entry in table.accounts.get(account).into_iter().flatten() {
            if entry.namespaces.contains(&namespace) {
                entry.bell.rung.notify_one();
            }
        }
    }

    /// Ends all of them, and opens none any more: a node that stops need not keep anybody.
    pub fn close(&self) {
        let mut table = self.table();
        table.closed = true;
        for entry in table.accounts.values().flatten() {
            entry.bell.end();
        }
    }

    /// How many are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table().open
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn add(&mut self, account: Account, entry: Entry) {
        let entries = self.accounts.entry(account).or_default();
        if entries.len() >= limits::WAITS_PER_ACCOUNT {
            entries.remove(0).bell.end();
        } else {
            self.open = self.open.saturating_add(1);
        }
        entries.push(entry);
    }

    fn remove(&mut self, account: &Account, id: u64) {
        let Some(entries) = self.accounts.get_mut(account) else { return };
        let before = entries.len();
        entries.retain(|entry| entry.id != id);
        self.open = self.open.saturating_sub(before.saturating_sub(entries.len()));
        if entries.is_empty() {
            self.accounts.remove(account);
        }
    }
}

impl Bell {
    fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
        self.rung.notify_one();
    }
}

impl Wait {
    /// Comes back when a message may have come: true; or when a newer wait has ended this one: false. What came between
    /// opening and this is not missed.
    pub async fn rung(&self) -> bool {
        self.bell.rung.notified().await;
        !self.bell.over.load(Ordering::SeqCst)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let mut table = self.waits.table();
        for account in &self.accounts {
            table.remove(account, self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(n: u8) -> Account {
        Account { prefix: 5, key: [n; 32] }
    }

    fn open(waits: &Arc<Waits>, places: &[(Account, i16)]) -> Result<Wait, &'static str> {
        waits.open(places).ok_or("the node is full")
    }

    #[tokio::test]
    async fn message_rings_those_who_wait_for_its_place() -> Result<(), &'static str> {
        let waits = Arc::new(Waits::default());
        let both = open(&waits, &[(account(1), 0), (account(1), 2)])?;
        let other = open(&waits, &[(account(2), 0)])?;
        waits.ring(&account(1), 3);
        waits.ring(&account(1), 2);
        assert!(both.rung().await);
        waits.ring(&account(2), 0);
        assert!(other.rung().await, "rung before it listened");
        drop((both, other));
        assert!(waits.is_empty());
        Ok(())
    }

    #[tokio::test]
    async fn third_wait_ends_the_oldest() -> Result<(), &'static str> {
        let waits = Arc::new(Waits::default());
        let first = open(&waits, &[(account(1), 0)])?;
        let second = open(&waits, &[(account(1), 0), (account(2), 0)])?;
        let third = open(&waits, &[(account(1), 0)])?;
        assert!(!first.rung().await);
        waits.ring(&account(1), 0);
        assert!(second.rung().await && third.rung().await);
        assert_eq!(waits.len(), 3);
        drop(first);
        assert_eq!(waits.len(), 3, "it was counted out already");
        drop((second, third));
        assert!(waits.is_empty());
        Ok(())
    }

    #[tokio::test]
    async fn node_that_stops_ends_them_all() -> Result<(), &'static str> {
        let waits = Arc::new(Waits::default());
        let (one, two) = (open(&waits, &[(account(1), 0)])?, open(&waits, &[(account(2), 0)])?);
        waits.close();
        assert!(!one.rung().await && !two.rung().await);
        assert!(waits.open(&[(account(3), 0)]).is_none());
        Ok(())
    }

    #[test]
    fn full_node_takes_no_more() {
        let waits = Arc::new(Waits::default());
        let places: Vec<(Account, i16)> = (0..limits::WAITS)
            .map(|n| {
                let mut key = [0; 32];
                key.iter_mut().zip(n.to_le_bytes()).for_each(|(place, byte)| *place = byte);
                (Account { prefix: 5, key }, 0)
            })
            .collect();
        let all = waits.open(&places);
        assert!(all.is_some() && waits.open(&[(account(9), 0)]).is_none());
        drop(all);
        assert!(waits.open(&[(account(9), 0)]).is_some());
    }
}
