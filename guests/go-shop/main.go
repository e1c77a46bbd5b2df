// Dapr, in Go: a counter, orders over HTTP that are published, and the same orders taken from their topic.
package main

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/pillion-dev/pillion/guests/sdk-go/failure"
	"github.com/pillion-dev/pillion/guests/sdk-go/http"
	"github.com/pillion-dev/pillion/guests/sdk-go/pubsub"
	"github.com/pillion-dev/pillion/guests/sdk-go/state"
	"github.com/pillion-dev/pillion/guests/sdk-go/topic"
)

// Another writer can come first so often before the caller is asked to come again.
const tries = 20

// What the state API answers whose key another writer changed.
const conflict = 409

const store = state.Store("statestore")

func init() {
	http.Handle(answer)
	topic.Handle(ship)
}

func main() {}

func answer(request http.Request) (http.Response, error) {
	area, name, _ := strings.Cut(strings.TrimPrefix(http.Route(request), "/"), "/")
	switch area {
	case "counter":
		return count(name)
	case "orders":
		return order(request)
	case "throw":
		return http.Response{}, errors.New("failed on purpose")
	}
	return http.Text(404, "counter, orders or throw"), nil
}

// Counts requests by name, and loses none when two come at once.
func count(name string) (http.Response, error) {
	for range tries {
		item, err := store.Get(name)
		if err != nil {
			return http.Response{}, err
		}
		value := 1
		if item != nil {
			before, err := strconv.Atoi(string(item.Value))
			if err != nil {
				return http.Response{}, err
			}
			value += before
		}
		text := strconv.Itoa(value)
		err = store.SetUnchanged(name, []byte(text), item)
		var failed *failure.Error
		switch {
		case err == nil:
			return http.Text(200, text), nil
		case !errors.As(err, &failed) || failed.Status != conflict:
			return http.Response{}, err
		}
	}
	return http.Text(503, "too many writers"), nil
}

func order(request http.Request) (http.Response, error) {
	if request.Method != "POST" {
		return http.Text(405, "POST an order"), nil
	}
	if !json.Valid(request.Body) {
		return http.Text(400, "an order is JSON"), nil
	}
	if err := pubsub.Publish("pubsub", "orders", request.Body, "application/json"); err != nil {
		return http.Response{}, err
	}
	return http.Text(202, "published"), nil
}

func ship(event topic.Event) (topic.Status, error) {
	if len(event.Data) == 0 {
		return topic.Drop, nil
	}
	err := store.Transact(state.Upsert("order-"+event.Id, event.Data), state.Upsert("last-order", event.Data))
	return topic.Success, err
}
