// Package binding takes events of input bindings.
package binding

import (
	handler "github.com/pillion-dev/pillion/guests/sdk-go/binding/export_pillion_dapr_binding_handler"
	_ "github.com/pillion-dev/pillion/guests/sdk-go/binding/wit_exports"
	"github.com/pillion-dev/pillion/guests/sdk-go/dapr/pillion_dapr_binding_handler"
)

// Event is what an input binding saw; a `bindings.cron` has no data.
type Event = pillion_dapr_binding_handler.BindingEvent

// Reply goes back to the component, and to the output bindings that it names.
type Reply = pillion_dapr_binding_handler.Reply

// Handle says what takes events; no reply is an empty one. It is called in an init function: main is never run.
func Handle(handle func(Event) (*Reply, error)) {
	handler.Handler = handle
}
