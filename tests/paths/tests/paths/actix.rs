//! actix-web.

use actix_web::http::Method;
use actix_web::{App, HttpResponse, HttpServer};
use kc_actix::{Endpoint, Routes, config, on};
use kc_core::Guard;

use crate::property::{Served, holds, roles, runtime};
use crate::realm::Realm;
use crate::routes::{ANY, FLAT, NESTED, PREFIX, Ran, Route, all};

fn handlers(route: &Route, ran: &Ran) -> Vec<Endpoint> {
    let pattern = route.pattern;
    let handler = |method: &&str| {
        let ran = ran.clone();
        let handler = move || {
            ran.note(pattern);
            std::future::ready(HttpResponse::Ok().finish())
        };
        let method = Some(*method).filter(|method| *method != ANY);
        on(method.map(|method| Method::from_bytes(method.as_bytes()).unwrap()), handler)
    };
    route.methods.iter().map(handler).collect()
}

fn routes(guard: &Guard, ran: &Ran) -> Routes {
    let nested = NESTED.iter().fold(Routes::new(guard), |routes, route| {
        let pattern = route.pattern.strip_prefix(PREFIX).unwrap();
        routes.route(pattern, route.need.access(), handlers(route, ran))
    });
    let flat = FLAT.iter().fold(Routes::new(guard), |routes, route| {
        routes.route(route.pattern, route.need.access(), handlers(route, ran))
    });
    flat.nest(PREFIX, nested)
}

#[test]
fn what_actix_routes_to_a_guarded_handler_was_guarded() {
    let runtime = runtime();
    let realm = runtime.block_on(Realm::with_roles(roles(&all())));
    let ran = Ran::default();
    let config = config(routes(&realm.guard, &ran)).unwrap();
    let make = move || App::new().configure(&config);
    let server = HttpServer::new(make).workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let address = server.addrs()[0];
    let _entered = runtime.enter();
    runtime.spawn(server.run());
    holds(&runtime, &Served { address, routes: all(), ran }, &realm);
}
