//! The small service on actix-web.

use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use bench_services::{Failed, PlainMe, Service, start};
use kc_actix::{Principal, Routes, get};
use reference_service::{access, answers};

async fn me(caller: Principal) -> HttpResponse {
    HttpResponse::Ok().json(answers::me(&caller))
}

async fn plain(me: Data<PlainMe>) -> HttpResponse {
    HttpResponse::Ok().json(&**me)
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let (service, listener) = start().await?;
    match service {
        Service::Guarded(keycloak) => {
            let routes = Routes::new(keycloak.guard()).route("/me", access::ME, [get(me)]);
            let routes = kc_actix::config(routes)?;
            let app = move || App::new().configure(&routes);
            HttpServer::new(app).workers(1).listen(listener)?.run().await?;
        }
        Service::Plain(me) => {
            let me = Data::new(me);
            let app = move || App::new().app_data(Data::clone(&me)).route("/me", web::get().to(plain));
            HttpServer::new(app).workers(1).listen(listener)?.run().await?;
        }
    }
    Ok(())
}
