//! The small service on poem.

use bench_services::{Callers, Failed, Service, start};
use kc_poem::{Principal, Routes, get, router};
use poem::listener::TcpAcceptor;
use poem::web::{Data, Json};
use poem::{EndpointExt, IntoResponse, Response, Route, Server, handler};
use reference_service::{access, answers};

#[handler]
fn me(caller: Principal) -> Response {
    Json(answers::me(&caller)).into_response()
}

#[handler]
fn plain(callers: Data<&Callers>) -> Response {
    Json(answers::me(callers.next())).into_response()
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let (service, listener) = start().await?;
    let server = Server::new_with_acceptor(TcpAcceptor::from_std(listener)?);
    match service {
        Service::Guarded(guard) => {
            let routes = Routes::new(&guard).route("/me", access::ME, [get(me)]);
            server.run(router(routes)?).await?;
        }
        Service::Plain(callers) => {
            let app = Route::new().at("/me", poem::get(plain)).data(callers);
            server.run(app).await?;
        }
    }
    Ok(())
}
