// Package topic takes messages of topics, one at a time.
package topic

import (
	"github.com/pillion-dev/pillion/guests/sdk-go/dapr/pillion_dapr_types"
	handler "github.com/pillion-dev/pillion/guests/sdk-go/topic/export_pillion_dapr_topic_handler"
	_ "github.com/pillion-dev/pillion/guests/sdk-go/topic/wit_exports"
)

// Event is a CloudEvent with what Dapr adds.
type Event = pillion_dapr_types.TopicEvent

// Status is what becomes of a message.
type Status = pillion_dapr_types.TopicStatus

const (
	// Success says that the message is handled.
	Success = pillion_dapr_types.TopicStatusSuccess
	// Retry asks for another delivery.
	Retry = pillion_dapr_types.TopicStatusRetry
	// Drop says that the message isn't wanted; it goes to the dead-letter topic if there is one.
	Drop = pillion_dapr_types.TopicStatusDrop
)

// Handle says what takes messages; an error asks for another delivery. It is called in an init function: main is never run.
func Handle(handle func(Event) (Status, error)) {
	handler.Handler = handle
}
