// Package pubsub publishes messages: Dapr's pub/sub API.
package pubsub

import (
	"github.com/pillion-dev/pillion/guests/sdk-go/dapr/pillion_dapr_pubsub"
	"github.com/pillion-dev/pillion/guests/sdk-go/failure"
	types "github.com/pillion-dev/pillion/guests/sdk-go/wit/types"
)

// Publish publishes a message of a media type, such as application/json.
func Publish(pubsub, topic string, data []byte, contentType string) error {
	_, err := failure.Of(pillion_dapr_pubsub.Publish(pubsub, topic, data, types.Some(contentType), nil))
	return err
}
