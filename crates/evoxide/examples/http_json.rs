//! A JSON service: notes that are listed, made, read, changed and deleted. `http_json [PORT]` listens on 127.0.0.1.
//!
//! ```text
//! curl -d '{"text":"buy milk"}' http://127.0.0.1:PORT/notes
//! curl http://127.0.0.1:PORT/notes
//! curl -X DELETE http://127.0.0.1:PORT/notes/1
//! ```

use evoxide::EventLoop;
use evoxide::http::{
    Body, HeaderValue, IntoAnswer, Request, RequestCx, RequestExt, Response, Server, StatusCode, header,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::TcpListener;

#[derive(Default)]
struct Notes {
    last: u64,
    notes: BTreeMap<u64, Value>,
}

fn problem(status: StatusCode, text: &str) -> (StatusCode, Body) {
    (status, Body::json(&json!({ "error": text })).unwrap_or_default())
}

/// The note that a request carries.
fn note(request: Request) -> Result<Value, (StatusCode, Body)> {
    let value: Value = serde_json::from_slice(&request.into_body().to_vec())
        .map_err(|error| problem(StatusCode::BAD_REQUEST, &error.to_string()))?;
    match value.get("text").and_then(Value::as_str) {
        Some(text) if !text.is_empty() => Ok(json!({ "text": text })),
        _ => Err(problem(StatusCode::UNPROCESSABLE_ENTITY, "no text")),
    }
}

fn number(request: &Request) -> Result<u64, (StatusCode, Body)> {
    let number = request.param("id").and_then(|id| id.parse().ok());
    number.ok_or_else(|| problem(StatusCode::NOT_FOUND, "no such note"))
}

fn list(cx: &mut RequestCx<'_, Notes>, _request: Request) -> Body {
    let notes = cx.state().notes.iter().map(|(id, note)| json!({ "id": id, "text": note["text"] }));
    Body::json(&notes.collect::<Vec<_>>()).unwrap_or_default()
}

fn make(cx: &mut RequestCx<'_, Notes>, request: Request) -> impl IntoAnswer<Notes> + use<> {
    let note = note(request)?;
    let state = cx.state();
    state.last += 1;
    state.notes.insert(state.last, note);
    let mut response = Response::new(Body::json(&json!({ "id": state.last })).unwrap_or_default());
    *response.status_mut() = StatusCode::CREATED;
    if let Ok(location) = HeaderValue::from_str(&format!("/notes/{}", state.last)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok::<_, (StatusCode, Body)>(response)
}

fn read(cx: &mut RequestCx<'_, Notes>, request: Request) -> Result<Body, (StatusCode, Body)> {
    let id = number(&request)?;
    let note = cx.state().notes.get(&id).ok_or_else(|| problem(StatusCode::NOT_FOUND, "no such note"))?;
    Ok(Body::json(note).unwrap_or_default())
}

fn change(cx: &mut RequestCx<'_, Notes>, request: Request) -> Result<StatusCode, (StatusCode, Body)> {
    let id = number(&request)?;
    let new = note(request)?;
    match cx.state().notes.get_mut(&id) {
        Some(note) => {
            *note = new;
            Ok(StatusCode::NO_CONTENT)
        }
        None => Err(problem(StatusCode::NOT_FOUND, "no such note")),
    }
}

fn delete(cx: &mut RequestCx<'_, Notes>, request: Request) -> Result<StatusCode, (StatusCode, Body)> {
    let id = number(&request)?;
    cx.state()
        .notes
        .remove(&id)
        .map(|_| StatusCode::NO_CONTENT)
        .ok_or_else(|| problem(StatusCode::NOT_FOUND, "no such note"))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args().nth(1).map_or(Ok(0), |arg| arg.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("listening {}", listener.local_addr()?.port());
    let server = Server::new()
        .get("/notes", list)
        .post("/notes", make)
        .get("/notes/{id}", read)
        .put("/notes/{id}", change)
        .delete("/notes/{id}", delete)
        .max_body(64 * 1024)
        .log(|_cx, access| eprintln!("{access}"));
    let mut ev = EventLoop::new(Notes::default())?;
    ev.serve_from(listener, server)?;
    ev.run()?;
    Ok(())
}
