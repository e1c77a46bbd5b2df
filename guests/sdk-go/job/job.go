// Package job does jobs that are due.
package job

import (
	"github.com/pillion-dev/pillion/guests/sdk-go/dapr/pillion_dapr_job_handler"
	handler "github.com/pillion-dev/pillion/guests/sdk-go/job/export_pillion_dapr_job_handler"
	_ "github.com/pillion-dev/pillion/guests/sdk-go/job/wit_exports"
)

// Event is a job that is due, with its data.
type Event = pillion_dapr_job_handler.JobEvent

// Handle says what does jobs; an error is a failed try. It is called in an init function: main is never run.
func Handle(handle func(Event) error) {
	handler.Handler = handle
}
