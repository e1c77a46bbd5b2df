// Package http takes requests to the app.
package http

import (
	"strings"

	"github.com/pillion-dev/pillion/guests/sdk-go/dapr/pillion_dapr_types"
	handler "github.com/pillion-dev/pillion/guests/sdk-go/http/export_pillion_dapr_invocation_handler"
	_ "github.com/pillion-dev/pillion/guests/sdk-go/http/wit_exports"
)

// Request is a request to the app; the path is below the app's root, with the query.
type Request = pillion_dapr_types.Request

// Response is what an app answers.
type Response = pillion_dapr_types.Response

// Handle says what answers requests. It is called in an init function: main is never run.
func Handle(handle func(Request) (Response, error)) {
	handler.Handler = handle
}

// Route is the path without the query.
func Route(request Request) string {
	route, _, _ := strings.Cut(request.Path, "?")
	return route
}

// Text is an answer of text.
func Text(status uint16, body string) Response {
	return Response{Status: status, Headers: contentType("text/plain; charset=utf-8"), Body: []byte(body)}
}

// JSON is an answer of JSON, which is not looked at.
func JSON(status uint16, body []byte) Response {
	return Response{Status: status, Headers: contentType("application/json"), Body: body}
}

func contentType(name string) []pillion_dapr_types.Header {
	return []pillion_dapr_types.Header{{F0: "content-type", F1: []byte(name)}}
}
