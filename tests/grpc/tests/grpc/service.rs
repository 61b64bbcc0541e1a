//! A service of two methods, as `tonic-prost-build` would write it out, without a compiler for `.proto` files.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use kc_core::Caller;
use tonic::body::Body;
use tonic::codegen::{Body as HttpBody, BoxFuture, StdError};
use tonic::server::{Grpc, NamedService, ServerStreamingService, UnaryService};
use tonic::{Code, Status};
use tonic_prost::ProstCodec;
use tower::Service;

/// `rpc Me(Empty) returns (Item)`
pub(crate) const ME: &str = "/items.v1.Items/Me";
/// `rpc List(Empty) returns (stream Item)`
pub(crate) const LIST: &str = "/items.v1.Items/List";

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Empty {}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Item {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
}

/// Answers with the name of the caller.
#[derive(Clone, Debug)]
pub(crate) struct Items;

impl NamedService for Items {
    const NAME: &'static str = "items.v1.Items";
}

/// The layer leaves the caller with the request.
fn caller(request: &tonic::Request<Empty>) -> Result<String, Status> {
    let caller = request.extensions().get::<Caller>();
    let name = caller.and_then(Caller::known).and_then(|principal| principal.username());
    name.map(str::to_owned).ok_or_else(|| Status::internal("nobody is known: the service is not guarded"))
}

struct Me;

impl UnaryService<Empty> for Me {
    type Response = Item;
    type Future = Ready<Result<tonic::Response<Item>, Status>>;

    fn call(&mut self, request: tonic::Request<Empty>) -> Self::Future {
        ready(caller(&request).map(|name| tonic::Response::new(Item { name })))
    }
}

struct List;

impl ServerStreamingService<Empty> for List {
    type Response = Item;
    type ResponseStream = Pin<Box<dyn tokio_stream::Stream<Item = Result<Item, Status>> + Send>>;
    type Future = Ready<Result<tonic::Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: tonic::Request<Empty>) -> Self::Future {
        ready(caller(&request).map(|caller| {
            let items = (1..=3).map(move |number| Ok(Item { name: format!("{caller}'s {number}") }));
            tonic::Response::new(Box::pin(tokio_stream::iter(items)) as Self::ResponseStream)
        }))
    }
}

impl<B> Service<Request<B>> for Items
where
    B: HttpBody + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Response<Body>, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<Item, Empty>::default());
            Ok(match request.uri().path() {
                ME => grpc.unary(Me, request).await,
                LIST => grpc.server_streaming(List, request).await,
                _ => Status::new(Code::Unimplemented, "").into_http(),
            })
        })
    }
}
