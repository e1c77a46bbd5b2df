// Package export_pillion_dapr_topic_handler is what the generated export calls.
package export_pillion_dapr_topic_handler

import (
	"github.com/pillion-dev/pillion/guests/sdk-go/dapr/pillion_dapr_types"
	types "github.com/pillion-dev/pillion/guests/sdk-go/wit/types"
)

// Handler takes messages.
var Handler func(pillion_dapr_types.TopicEvent) (pillion_dapr_types.TopicStatus, error)

// Handle is the export.
func Handle(event pillion_dapr_types.TopicEvent) types.Result[pillion_dapr_types.TopicStatus, string] {
	status, err := Handler(event)
	if err != nil {
		return types.Err[pillion_dapr_types.TopicStatus, string](err.Error())
	}
	return types.Ok[pillion_dapr_types.TopicStatus, string](status)
}
