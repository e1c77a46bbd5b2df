// Package export_pillion_dapr_invocation_handler is what the generated export calls.
package export_pillion_dapr_invocation_handler

import (
	"github.com/pillion-dev/pillion/guests/sdk-go/dapr/pillion_dapr_types"
	types "github.com/pillion-dev/pillion/guests/sdk-go/wit/types"
)

// Handler answers requests.
var Handler func(pillion_dapr_types.Request) (pillion_dapr_types.Response, error)

// Handle is the export.
func Handle(request pillion_dapr_types.Request) types.Result[pillion_dapr_types.Response, string] {
	response, err := Handler(request)
	if err != nil {
		return types.Err[pillion_dapr_types.Response, string](err.Error())
	}
	return types.Ok[pillion_dapr_types.Response, string](response)
}
