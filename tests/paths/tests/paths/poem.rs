//! poem.

use http::Method;
use kc_core::Guard;
use kc_poem::{Endpoint, Routes, on, router};
use poem::Server;
use poem::endpoint::make_sync;
use poem::listener::{Acceptor, Listener, TcpListener};

use crate::property::{Served, holds, roles, runtime};
use crate::realm::Realm;
use crate::routes::{ANY, FLAT, NESTED, PREFIX, Ran, Route, all};

fn handlers(route: &Route, ran: &Ran) -> Vec<Endpoint> {
    let pattern = route.pattern;
    let handler = |method: &&str| {
        let ran = ran.clone();
        let method = Some(*method).filter(|method| *method != ANY);
        let method = method.map(|method| Method::from_bytes(method.as_bytes()).unwrap());
        on(method, make_sync(move |_| ran.note(pattern)))
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
fn what_poem_routes_to_a_guarded_handler_was_guarded() {
    let runtime = runtime();
    let realm = runtime.block_on(Realm::with_roles(roles(&all())));
    let ran = Ran::default();
    let app = router(routes(&realm.guard, &ran)).unwrap();
    let address = runtime.block_on(async {
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
        let address = *acceptor.local_addr()[0].as_socket_addr().unwrap();
        tokio::spawn(Server::new_with_acceptor(acceptor).run(app));
        address
    });
    holds(&runtime, &Served { address, routes: all(), ran }, &realm);
}
