// Package export_pillion_dapr_binding_handler is what the generated export calls.
package export_pillion_dapr_binding_handler

import (
	"github.com/pillion-dev/pillion/guests/sdk-go/dapr/pillion_dapr_binding_handler"
	types "github.com/pillion-dev/pillion/guests/sdk-go/wit/types"
)

// Handler takes events; no reply is an empty one.
var Handler func(pillion_dapr_binding_handler.BindingEvent) (*pillion_dapr_binding_handler.Reply, error)

// Handle is the export.
func Handle(event pillion_dapr_binding_handler.BindingEvent) types.Result[types.Option[pillion_dapr_binding_handler.Reply], string] {
	reply, err := Handler(event)
	if err != nil {
		return types.Err[types.Option[pillion_dapr_binding_handler.Reply], string](err.Error())
	}
	if reply == nil {
		return types.Ok[types.Option[pillion_dapr_binding_handler.Reply], string](types.None[pillion_dapr_binding_handler.Reply]())
	}
	return types.Ok[types.Option[pillion_dapr_binding_handler.Reply], string](types.Some(*reply))
}
