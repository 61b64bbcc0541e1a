//! The small service on actix-web.

use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use bench_services::{Callers, Failed, Service, start};
use kc_actix::{Principal, Routes, get};
use reference_service::{access, answers};

async fn me(caller: Principal) -> HttpResponse {
    HttpResponse::Ok().json(answers::me(&caller))
}

async fn plain(callers: Data<Callers>) -> HttpResponse {
    HttpResponse::Ok().json(answers::me(callers.next()))
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let (service, listener) = start().await?;
    match service {
        Service::Guarded(guard) => {
            let routes = Routes::new(&guard).route("/me", access::ME, [get(me)]);
            let routes = kc_actix::config(routes)?;
            let app = move || App::new().configure(&routes);
            HttpServer::new(app).workers(1).listen(listener)?.run().await?;
        }
        Service::Plain(callers) => {
            let callers = Data::new(callers);
            let app = move || App::new().app_data(Data::clone(&callers)).route("/me", web::get().to(plain));
            HttpServer::new(app).workers(1).listen(listener)?.run().await?;
        }
    }
    Ok(())
}
