//! The statements. Both data bases understand the same ones.

use std::collections::BTreeSet;

use kc_core::clock::UnixTime;
use kc_core::users::{Details, EmailKey, Identity, NewUser, User, UserId};

use super::connection::{Connection, Link, Record, Value};
use super::error::Fault;

/// Users with their identities, a row for each identity, or one when there is none: `$condition` chooses the users.
macro_rules! users {
    ($condition:literal) => {
        concat!(
            "SELECT u.id, u.username, u.first_name, u.last_name, u.email, u.email_verified, u.is_staff,
                u.is_superuser, u.local_groups, u.local_permissions, u.is_active, u.date_joined,
                i.issuer, i.subject
             FROM kc_users u LEFT JOIN kc_identities i ON i.user_id = u.id
             WHERE ",
            $condition,
            " ORDER BY u.date_joined, u.username NULLS FIRST, u.id, i.position"
        )
    };
}

pub(super) async fn find(link: &mut Link<'_>, identity: &Identity) -> Result<Option<User>, Fault> {
    const FIND: &str =
        users!("u.id = (SELECT user_id FROM kc_identities WHERE issuer = $1 AND subject = $2)");
    let records =
        link.records(FIND, &[Value::Text(&identity.issuer), Value::Text(&identity.subject)]).await?;
    Ok(users(records)?.pop())
}

pub(super) async fn find_by_email(link: &mut Link<'_>, email: &EmailKey) -> Result<Vec<User>, Fault> {
    users(link.records(users!("u.email_key = $1"), &[Value::Text(email.as_str())]).await?)
}

pub(super) async fn find_by_username(link: &mut Link<'_>, username: &str) -> Result<Vec<User>, Fault> {
    users(link.records(users!("u.username = $1"), &[Value::Text(username)]).await?)
}

pub(super) async fn list(link: &mut Link<'_>, limit: usize) -> Result<Vec<User>, Fault> {
    const LIST: &str =
        users!("u.id IN (SELECT id FROM kc_users ORDER BY date_joined, username NULLS FIRST, id LIMIT $1)");
    users(link.records(LIST, &[Value::Number(i64::try_from(limit).unwrap_or(i64::MAX))]).await?)
}

pub(super) async fn create(connection: &mut Connection, user: NewUser) -> Result<User, Fault> {
    const CREATE: &str = "
        INSERT INTO kc_users (username, first_name, last_name, email, email_key, email_verified, is_staff,
            is_superuser, local_groups, local_permissions, is_active, date_joined)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id";
    let stored = Stored::of(&user.details);
    let [a, b, c, d, e, f, g, h, i, j] = stored.values(&user.details);
    let (active, joined) = (Value::Flag(user.is_active), Value::Number(user.date_joined.as_millis()));
    let values = [a, b, c, d, e, f, g, h, i, j, active, joined];
    // Whoever is there may be gone when they are looked for: once more then.
    for _ in 0..3 {
        let mut transaction = connection.begin().await?;
        let id = transaction.link().number(CREATE, &values).await?.ok_or(NO_ID)?;
        let ours = match &user.identity {
            None => true,
            Some(identity) => own(&mut transaction.link(), id, identity, 0).await?,
        };
        if ours {
            transaction.commit().await?;
            return Ok(User::new(UserId::new(id.to_string()), user));
        }
        transaction.rollback().await?;
        if let Some(identity) = &user.identity
            && let Some(known) = find(&mut connection.link(), identity).await?
        {
            return Ok(known);
        }
    }
    Err(Fault::Content("a user is created and removed all the time"))
}

pub(super) async fn link(
    connection: &mut Connection,
    user: &User,
    identity: &Identity,
) -> Result<Option<User>, Fault> {
    if let Some(owner) = find(&mut connection.link(), identity).await? {
        return Ok(Some(owner));
    }
    let Some(id) = number(&user.id) else { return Ok(None) };
    let mut transaction = connection.begin().await?;
    // From here on nobody else changes this user.
    const LOCK: &str = "UPDATE kc_users SET is_active = is_active WHERE id = $1 RETURNING id";
    if transaction.link().number(LOCK, &[Value::Number(id)]).await?.is_none() {
        return Ok(None);
    }
    let Some(mut now) = by_id(&mut transaction.link(), id).await? else { return Ok(None) };
    if now.identities != user.identities || now.is_known_at(&identity.issuer) {
        transaction.rollback().await?;
        // Another request may have linked just that.
        return find(&mut connection.link(), identity).await;
    }
    let position = i64::try_from(now.identities.len()).unwrap_or(i64::MAX);
    if !own(&mut transaction.link(), id, identity, position).await? {
        transaction.rollback().await?;
        return find(&mut connection.link(), identity).await;
    }
    transaction.commit().await?;
    now.identities.push(identity.clone());
    Ok(Some(now))
}

pub(super) async fn update(
    connection: &mut Connection,
    id: &UserId,
    details: &Details,
) -> Result<Option<User>, Fault> {
    const UPDATE: &str = "
        UPDATE kc_users SET username = $1, first_name = $2, last_name = $3, email = $4, email_key = $5,
            email_verified = $6, is_staff = $7, is_superuser = $8, local_groups = $9, local_permissions = $10
        WHERE id = $11 RETURNING id";
    let Some(id) = number(id) else { return Ok(None) };
    let stored = Stored::of(details);
    let [a, b, c, d, e, f, g, h, i, j] = stored.values(details);
    changed(connection, id, UPDATE, &[a, b, c, d, e, f, g, h, i, j, Value::Number(id)]).await
}

pub(super) async fn set_active(
    connection: &mut Connection,
    id: &UserId,
    active: bool,
) -> Result<Option<User>, Fault> {
    const SET: &str = "UPDATE kc_users SET is_active = $1 WHERE id = $2 RETURNING id";
    let Some(id) = number(id) else { return Ok(None) };
    changed(connection, id, SET, &[Value::Flag(active), Value::Number(id)]).await
}

async fn changed(
    connection: &mut Connection,
    id: i64,
    sql: &'static str,
    values: &[Value<'_>],
) -> Result<Option<User>, Fault> {
    let mut transaction = connection.begin().await?;
    transaction.link().number(sql, values).await?;
    let user = by_id(&mut transaction.link(), id).await?;
    transaction.commit().await?;
    Ok(user)
}

async fn by_id(link: &mut Link<'_>, id: i64) -> Result<Option<User>, Fault> {
    Ok(users(link.records(users!("u.id = $1"), &[Value::Number(id)]).await?)?.pop())
}

/// Makes an identity a user's, unless it is somebody's.
async fn own(link: &mut Link<'_>, id: i64, identity: &Identity, position: i64) -> Result<bool, Fault> {
    const OWN: &str = "
        INSERT INTO kc_identities (issuer, subject, user_id, position) VALUES ($1, $2, $3, $4)
        ON CONFLICT (issuer, subject) DO NOTHING RETURNING user_id";
    let values = [
        Value::Text(&identity.issuer),
        Value::Text(&identity.subject),
        Value::Number(id),
        Value::Number(position),
    ];
    Ok(link.number(OWN, &values).await?.is_some())
}

const NO_ID: Fault = Fault::Content("the data base has created a user and does not say which");
const NO_LIST: Fault = Fault::Content("the groups or permissions of a user are no JSON array of strings");

/// What of the details is stored in another form.
struct Stored {
    email_key: Option<EmailKey>,
    groups: String,
    permissions: String,
}

impl Stored {
    fn of(details: &Details) -> Self {
        let list = |names: &BTreeSet<String>| serde_json::Value::from_iter(names.iter().cloned()).to_string();
        Self {
            email_key: details.email.as_deref().and_then(EmailKey::of),
            groups: list(&details.groups),
            permissions: list(&details.permissions),
        }
    }

    fn values<'a>(&'a self, details: &'a Details) -> [Value<'a>; 10] {
        [
            Value::TextOrNull(details.username.as_deref()),
            Value::TextOrNull(details.first_name.as_deref()),
            Value::TextOrNull(details.last_name.as_deref()),
            Value::TextOrNull(details.email.as_deref()),
            Value::TextOrNull(self.email_key.as_ref().map(EmailKey::as_str)),
            Value::Flag(details.email_verified),
            Value::Flag(details.is_staff),
            Value::Flag(details.is_superuser),
            Value::Text(&self.groups),
            Value::Text(&self.permissions),
        ]
    }
}

/// The number of an id of ours; whatever else it is, nobody has it.
fn number(id: &UserId) -> Option<i64> {
    id.as_str().parse().ok()
}

/// The users of rows that are in order.
fn users(records: Vec<Record>) -> Result<Vec<User>, Fault> {
    let mut users: Vec<User> = Vec::new();
    let mut last = None;
    for mut record in records {
        let identity = match (record.issuer.take(), record.subject.take()) {
            (Some(issuer), Some(subject)) => Some(Identity::new(issuer, subject)),
            _ => None,
        };
        match users.last_mut() {
            Some(user) if last == Some(record.id) => user.identities.extend(identity),
            _ => {
                last = Some(record.id);
                users.push(user(record, identity)?);
            }
        }
    }
    Ok(users)
}

fn user(record: Record, identity: Option<Identity>) -> Result<User, Fault> {
    let list = |json: &str| serde_json::from_str::<BTreeSet<String>>(json).map_err(|_| NO_LIST);
    let details = Details {
        groups: list(&record.groups)?,
        permissions: list(&record.permissions)?,
        username: record.username,
        first_name: record.first_name,
        last_name: record.last_name,
        email: record.email,
        email_verified: record.email_verified,
        is_staff: record.is_staff,
        is_superuser: record.is_superuser,
    };
    let new = NewUser {
        identity,
        details,
        is_active: record.is_active,
        date_joined: UnixTime::from_millis(record.date_joined),
    };
    Ok(User::new(UserId::new(record.id.to_string()), new))
}
