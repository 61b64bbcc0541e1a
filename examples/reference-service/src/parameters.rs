//! What comes in by path and query.

use kc_core::AuthError;
use utoipa::IntoParams;

/// The query of `POST /items`, for the description of the API: [`item_name`] reads it.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ItemName {
    /// What the new item is called
    #[param(min_length = 1)]
    pub item_name: String,
}

/// The path of `DELETE /items/{id}`, for the description of the API: [`item_id`] reads it.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ItemId {
    /// The item's number
    pub id: i64,
}

/// `item_name` of `POST /items?item_name=N`.
///
/// # Errors
/// 400 when it is missing, empty, given twice, or not UTF-8.
pub fn item_name(query: Option<&str>) -> Result<String, AuthError> {
    let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let mut names = pairs.filter(|(name, _)| name == "item_name").map(|(_, value)| value);
    match (names.next(), names.next()) {
        (None, _) => Err(bad("The parameter item_name is missing")),
        (Some(_), Some(_)) => Err(bad("The parameter item_name is given more than once")),
        (Some(name), None) if name.is_empty() => Err(bad("The parameter item_name is empty")),
        // What is not UTF-8 has become this character.
        (Some(name), None) if name.contains('\u{fffd}') => Err(bad("The parameter item_name is not UTF-8")),
        (Some(name), None) => Ok(name.into_owned()),
    }
}

/// `id` of `DELETE /items/{id}`; `None` is one that the router could not decode.
///
/// # Errors
/// 400 when it is no number.
pub fn item_id(id: Option<&str>) -> Result<i64, AuthError> {
    id.and_then(|id| id.parse().ok()).ok_or_else(|| bad("The item's id is not a number"))
}

fn bad(detail: &str) -> AuthError {
    AuthError::BadParameter { detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_as_it_was_meant() {
        assert_eq!(item_name(Some("item_name=Blue+box%20%26%20lid&x=1")).unwrap(), "Blue box & lid");
        assert_eq!(item_name(Some("x=1&item_name=%C3%A4")).unwrap(), "ä");
    }

    #[test]
    fn a_name_that_is_missing_empty_doubled_or_garbage_is_bad() {
        for query in
            [None, Some(""), Some("item_name"), Some("item_name="), Some("name=x"), Some("item_name=%FF")]
        {
            assert!(matches!(item_name(query), Err(AuthError::BadParameter { .. })), "{query:?}");
        }
        assert!(item_name(Some("item_name=a&item_name=b")).is_err());
    }

    #[test]
    fn an_id_is_a_number() {
        assert_eq!(item_id(Some("7")).unwrap(), 7);
        for id in [None, Some(""), Some("x"), Some("1.5"), Some("99999999999999999999")] {
            assert!(item_id(id).is_err(), "{id:?}");
        }
    }
}
