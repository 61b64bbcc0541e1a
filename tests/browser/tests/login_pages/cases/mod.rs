//! The cases.

mod logins;
mod logouts;
mod pages;
mod sessions;

use crate::scene::Scene;

/// What somebody does, and what is to come of it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) play: fn(&Scene<'_>),
}

const fn case(name: &'static str, play: fn(&Scene<'_>)) -> Case {
    Case { name, play }
}

/// All of them.
pub(crate) const CASES: &[Case] = &[
    case("a_login_leads_back_to_the_page_that_was_asked_for", logins::back_to_the_page),
    case("a_wrong_password_is_told_and_the_right_one_still_logs_in", logins::wrong_password),
    case("a_disabled_user_is_not_let_in", logins::disabled_user),
    case("two_tabs_log_in_beside_each_other", logins::two_tabs),
    case("back_after_the_login_leads_to_no_dead_end", logins::back_button),
    case("a_login_page_that_has_run_out_begins_again", logins::expired_page),
    case("a_login_that_is_not_known_any_more_is_explained_and_tried_again", logins::forgotten_login),
    case("a_stronger_login_is_made_when_it_is_asked_for", logins::stronger_login),
    case("a_session_outlives_its_access_token", sessions::refresh),
    case("a_session_that_the_issuer_has_ended_ends_when_its_access_token_does", sessions::refused_refresh),
    case("who_is_logged_in_at_one_service_needs_no_password_at_the_next", sessions::single_sign_on),
    case("the_staff_see_the_staff_page", sessions::staff),
    case("others_do_not_see_the_staff_page_and_can_log_in_as_somebody_else", sessions::not_staff),
    case("logging_out_ends_the_session_at_the_issuer_too", logouts::everywhere),
    case("the_link_in_the_navigation_logs_out", logouts::by_link),
    case("logging_out_of_one_service_keeps_the_session_at_the_issuer", logouts::only_here),
    case("back_after_the_logout_shows_nothing_of_the_account", logouts::back_button),
    case("a_logout_at_the_issuer_ends_the_session_here", logouts::at_the_issuer),
    case("a_logout_by_the_administrator_ends_the_session_here", logouts::by_the_administrator),
    case("a_logout_at_one_service_ends_the_session_at_the_others", logouts::at_another_service),
    case("the_pages_suit_telephones_and_the_dark", pages::suit_every_screen),
];
