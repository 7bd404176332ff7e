//! A request becomes its response: route, ask the emperor, write JSON, or metrics.
//!
//! Every way ends in a response; what went wrong is one too.

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode, Uri};
use lictor_core::observe::{Status, VassalStatus};
use serde::Serialize;
use tokio::sync::mpsc;

use super::act::act;
use super::ask::ask;
use super::command::{Command, Told};
use super::error::{ErrorBody, RequestError};
use super::route::{self, Route};
use super::stream::{LineBody, stream};
use super::watchers;

/// What a response carries.
pub(super) type AnswerBody = Either<Full<Bytes>, LineBody>;

/// Answers one request.
pub(super) async fn answer(
    commands: &mpsc::Sender<Command>,
    method: &Method,
    uri: &Uri,
) -> Response<AnswerBody> {
    match answered(commands, method, uri).await {
        Ok(response) => response,
        Err(error) => refusal(&error),
    }
}

/// The response that says `error`.
pub(super) fn refusal(error: &RequestError) -> Response<AnswerBody> {
    let mut response = json(error.status(), &ErrorBody::from(error));
    if let RequestError::Method { allow, .. } = error {
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static(allow));
    }
    response
}

async fn answered(
    commands: &mpsc::Sender<Command>,
    method: &Method,
    uri: &Uri,
) -> Result<Response<AnswerBody>, RequestError> {
    Ok(match route::parse(method, uri.path(), uri.query())? {
        Route::Status => json(
            StatusCode::OK,
            &ask(commands, |reply| Command::Status { reply }).await?,
        ),
        Route::Vassal { name } => {
            let status = ask(commands, |reply| Command::Status { reply }).await?;
            json(StatusCode::OK, &vassal_named(status, name)?)
        }
        Route::Act { name, verb, wait } => {
            let (status, answer) = act(commands, name, verb, wait).await?;
            json(status, &answer)
        }
        Route::Upgrade => {
            let upgrading = ask(commands, |reply| Command::Upgrade { reply }).await?;
            json(
                StatusCode::ACCEPTED,
                &upgrading.map_err(RequestError::Refused)?,
            )
        }
        Route::Metrics => {
            let text = watchers::text(Told::Metrics, commands).await;
            let text = text.ok_or(RequestError::NoAnswer)?;
            with_type(
                watchers::METRICS_TYPE,
                StatusCode::OK,
                Either::Left(Full::new(text.into())),
            )
        }
        Route::Events(filter) => {
            let (kept, coming) = ask(commands, |reply| Command::Events { reply }).await?;
            lines(stream(kept, coming, filter))
        }
        Route::Logs(filter) => {
            let (kept, coming) = ask(commands, |reply| Command::Logs { reply }).await?;
            lines(stream(kept, coming, filter))
        }
    })
}

fn vassal_named(status: Status, name: String) -> Result<VassalStatus, RequestError> {
    let nearest = nearest(
        &name,
        status.vassals.iter().map(|vassal| vassal.name.as_str()),
    );
    let found = status
        .vassals
        .into_iter()
        .find(|vassal| vassal.name == name);
    found.ok_or(RequestError::UnknownVassal { name, nearest })
}

/// The name most like `name`, if one is like it at all.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    known
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate.to_owned())
}

fn json(status: StatusCode, value: &impl Serialize) -> Response<AnswerBody> {
    // Plain values, which JSON can always express.
    let mut text = serde_json::to_vec(value).unwrap_or_default();
    text.push(b'\n');
    with_type(
        "application/json",
        status,
        Either::Left(Full::new(text.into())),
    )
}

fn lines(body: LineBody) -> Response<AnswerBody> {
    with_type("application/x-ndjson", StatusCode::OK, Either::Right(body))
}

fn with_type(kind: &'static str, status: StatusCode, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_a_likely_one() {
        let known = ["blog", "shop", "api"];
        assert_eq!(nearest("blgo", known.into_iter()).as_deref(), Some("blog"));
        assert_eq!(nearest("wiki", known.into_iter()), None);
    }

    #[test]
    fn a_wrong_method_is_told_the_right_one() {
        let error = RequestError::Method {
            method: "PUT".into(),
            path: "/v1/status".into(),
            allow: "GET",
        };
        let response = refusal(&error);
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()[ALLOW], "GET");
    }
}
