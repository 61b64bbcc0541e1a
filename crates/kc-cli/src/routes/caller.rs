//! A caller of whom nothing is known but roles.

use super::{Atom, Truth};

/// What is known of a caller with these roles and no others.
pub(super) fn with_roles(roles: &[String], atom: &Atom) -> Truth {
    let has = |role: &String| roles.contains(role);
    match atom {
        Atom::Role(role) if has(role) => Truth::Yes,
        // Whose role it is was not said.
        Atom::RealmRole(role) | Atom::ClientRole { role, .. } if has(role) => Truth::Unknown,
        Atom::ClientRole { .. } | Atom::RealmRole(_) | Atom::Role(_) => Truth::No,
        Atom::Acr { .. }
        | Atom::Active
        | Atom::Custom(_)
        | Atom::Group(_)
        | Atom::Organization(_)
        | Atom::Other(_)
        | Atom::Permission { .. }
        | Atom::Scope(_) => Truth::Unknown,
    }
}
