// Package export_pillion_dapr_job_handler is what the generated export calls.
package export_pillion_dapr_job_handler

import (
	"github.com/pillion-dev/pillion/guests/sdk-go/dapr/pillion_dapr_job_handler"
	types "github.com/pillion-dev/pillion/guests/sdk-go/wit/types"
)

// Handler does jobs.
var Handler func(pillion_dapr_job_handler.JobEvent) error

// Handle is the export.
func Handle(event pillion_dapr_job_handler.JobEvent) types.Result[types.Unit, string] {
	if err := Handler(event); err != nil {
		return types.Err[types.Unit, string](err.Error())
	}
	return types.Ok[types.Unit, string](types.Unit{})
}
