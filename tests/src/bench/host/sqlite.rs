//! SQLite as a program for contacts would use it.
//!
//! It has a write-ahead log, full durability, FTS5 with trigrams for any part of a word, and an
//! index of words for queries too short for trigrams.
use std::path::Path;

use rusqlite::{Connection, Result, params};

use super::texts::{Edit, Row, folded};

/// The number of answers to one query, as on a screen.
pub const HITS: usize = 20;

/// The first statements of each connection. The cache is larger than SQLite's default of 2 MB.
const PRAGMAS: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA cache_size = -32768;
    PRAGMA temp_store = MEMORY;
    PRAGMA busy_timeout = 10000;";

/// The classes of words: 1 for names and organisations, 2 for all others, 3 for beginnings of phone
/// numbers.
const SCHEMA: &str = "
    CREATE TABLE contact (
        id INTEGER PRIMARY KEY,
        uid TEXT NOT NULL UNIQUE,
        sort TEXT NOT NULL,
        name TEXT NOT NULL,
        card TEXT NOT NULL
    );
    CREATE INDEX contact_sort ON contact (sort, uid);
    CREATE TABLE word (
        word TEXT NOT NULL,
        class INTEGER NOT NULL,
        contact INTEGER NOT NULL,
        PRIMARY KEY (word, class, contact)
    ) WITHOUT ROWID;
    CREATE VIRTUAL TABLE search USING fts5 (
        text, digits, content = '', contentless_delete = 1, tokenize = 'trigram case_sensitive 1'
    );";

const BY_NAME: &str = "SELECT uid, name FROM contact WHERE sort >= ?1 AND sort < ?2 \
    ORDER BY sort, uid LIMIT 20";
const BY_WORD: &str = "SELECT DISTINCT c.uid, c.name FROM word w JOIN contact c ON c.id = w.contact \
    WHERE w.word >= ?1 AND w.word < ?2 AND w.class <= ?3 ORDER BY c.sort, c.uid LIMIT 40";
const BY_PART: &str = "SELECT c.uid, c.name FROM search s JOIN contact c ON c.id = s.rowid \
    WHERE search MATCH ?1 ORDER BY c.sort, c.uid LIMIT 60";
const BY_PART_OR_PHONE: &str = "SELECT c.uid, c.name FROM \
    (SELECT rowid AS id FROM search WHERE search MATCH ?1 \
    UNION SELECT contact FROM word WHERE word >= ?2 AND word < ?3 AND class = 3) found \
    JOIN contact c ON c.id = found.id ORDER BY c.sort, c.uid LIMIT 60";

/// An answer: the identity and the display name.
pub type Hit = (String, String);

/// One connection to the database.
pub struct Sqlite {
    connection: Connection,
}

impl Sqlite {
    /// Makes an empty database.
    pub fn create(path: &Path) -> Result<Self> {
        let sqlite = Self::open(path)?;
        sqlite.connection.execute_batch(SCHEMA)?;
        Ok(sqlite)
    }

    /// Opens an existing database.
    pub fn open(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(PRAGMAS)?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(Self { connection })
    }

    /// Inserts all rows in one transaction.
    pub fn import(&mut self, rows: &[Row]) -> Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut contact = transaction.prepare(
                "INSERT INTO contact (id, uid, sort, name, card) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            let mut search = transaction
                .prepare("INSERT INTO search (rowid, text, digits) VALUES (?1, ?2, ?3)")?;
            let mut word = transaction.prepare(INSERT_WORD)?;
            for (id, row) in (1_i64..).zip(rows) {
                contact.execute(params![id, row.uid, row.sort, row.name, row.card])?;
                search.execute(params![id, row.text, row.digits])?;
                for (class, text) in words(row) {
                    word.execute(params![text, class, id])?;
                }
            }
        }
        transaction.commit()
    }

    /// Lets SQLite gather its statistics and FTS5 merge its segments.
    pub fn tidy(&self) -> Result<()> {
        self.connection.execute_batch("INSERT INTO search (search) VALUES ('optimize'); ANALYZE;")
    }

    /// Returns the number of contacts.
    pub fn count(&self) -> Result<i64> {
        self.connection.query_row("SELECT count(*) FROM contact", [], |row| row.get(0))
    }

    /// Returns the vCard of a contact.
    pub fn get(&self, uid: &str) -> Result<String> {
        let mut statement =
            self.connection.prepare_cached("SELECT card FROM contact WHERE uid = ?1")?;
        statement.query_row([uid], |row| row.get(0))
    }

    /// Replaces a contact by its new state, durable on return. The caller knows the old state, so
    /// that nothing unchanged has to be read or written.
    pub fn edit(&mut self, Edit { old, new }: &Edit) -> Result<()> {
        let transaction =
            self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        {
            let mut update = transaction.prepare_cached(
                "UPDATE contact SET sort = ?2, name = ?3, card = ?4 WHERE uid = ?1 RETURNING id",
            )?;
            let id: i64 = update
                .query_row(params![new.uid, new.sort, new.name, new.card], |row| row.get(0))?;
            transaction.prepare_cached("DELETE FROM search WHERE rowid = ?1")?.execute([id])?;
            transaction
                .prepare_cached("INSERT INTO search (rowid, text, digits) VALUES (?1, ?2, ?3)")?
                .execute(params![id, new.text, new.digits])?;
            let (was, is) = (words(old), words(new));
            let mut delete = transaction.prepare_cached(
                "DELETE FROM word WHERE word = ?1 AND class = ?2 AND contact = ?3",
            )?;
            for (class, text) in was.clone().filter(|word| is.clone().all(|other| other != *word)) {
                delete.execute(params![text, class, id])?;
            }
            let mut insert = transaction.prepare_cached(INSERT_WORD)?;
            for (class, text) in is.clone().filter(|word| was.clone().all(|other| other != *word)) {
                insert.execute(params![text, class, id])?;
            }
        }
        transaction.commit()
    }

    /// Returns the best 20 answers to a query of one word or number: first those whose name starts
    /// with it, then those with such a word in name or organisation, then all others; each class by
    /// name.
    pub fn find(&self, query: &str) -> Result<Vec<Hit>> {
        let query = folded(query);
        let past = successor(&query);
        let mut hits = self.ask(BY_NAME, params![query, past])?;
        let add = |more: Vec<Hit>, hits: &mut Vec<Hit>| {
            for hit in more {
                if hits.len() < HITS && !hits.iter().any(|known| known.0 == hit.0) {
                    hits.push(hit);
                }
            }
        };
        if hits.len() < HITS {
            add(self.ask(BY_WORD, params![query, past, 1])?, &mut hits);
        }
        if hits.len() >= HITS {
            return Ok(hits);
        }
        let is_number = query.bytes().all(|byte| byte.is_ascii_digit());
        let digits = query.strip_prefix("00").or(query.strip_prefix('0')).unwrap_or(&query);
        let rest = match (query.chars().count(), digits.len()) {
            // All of the query may stand for a country code: every contact with a phone number
            // matches.
            (_, 0) => self.ask(BY_NAME, params!["", successor("")])?,
            (..3, _) => self.ask(BY_WORD, params![query, past, 3])?,
            (_, ..3) if is_number => {
                self.ask(BY_PART_OR_PHONE, params![format!("text : \"{query}\""), query, past])?
            }
            _ if is_number => {
                let part = format!("text : \"{query}\" OR digits : \"{digits}\"");
                self.ask(BY_PART, [part])?
            }
            _ => self.ask(BY_PART, [format!("text : \"{query}\"")])?,
        };
        add(rest, &mut hits);
        Ok(hits)
    }

    fn ask(&self, statement: &str, params: impl rusqlite::Params) -> Result<Vec<Hit>> {
        let mut statement = self.connection.prepare_cached(statement)?;
        statement.query_map(params, |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    }
}

const INSERT_WORD: &str = "INSERT OR IGNORE INTO word (word, class, contact) VALUES (?1, ?2, ?3)";

fn words(row: &Row) -> impl Iterator<Item = (i64, &str)> + Clone {
    let names = row.name_words.iter().map(|word| (1, word.as_str()));
    let others = row.other_words.iter().map(|word| (2, word.as_str()));
    names.chain(others).chain(row.phone_words.iter().map(|word| (3, word.as_str())))
}

/// Returns the least text that is greater than all that start with `prefix`.
fn successor(prefix: &str) -> String {
    format!("{prefix}\u{10FFFF}")
}

/// Returns the version of SQLite itself.
pub fn version() -> &'static str {
    rusqlite::version()
}
