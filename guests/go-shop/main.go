// Dapr, in Go: a greeting, a counter, orders over HTTP that are published, and the same orders taken from their topic, a cleaner
// that a binding starts, and a job. Digits in pictures are a program of their own: guests/go-digits.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pillion-dev/pillion/guests/sdk-go/binding"
	"github.com/pillion-dev/pillion/guests/sdk-go/failure"
	"github.com/pillion-dev/pillion/guests/sdk-go/http"
	"github.com/pillion-dev/pillion/guests/sdk-go/job"
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
	binding.Handle(clean)
	job.Handle(note)
}

func main() {}

func answer(request http.Request) (http.Response, error) {
	area, name, _ := strings.Cut(strings.TrimPrefix(http.Route(request), "/"), "/")
	switch area {
	case "hello":
		return http.Text(200, "hello "+string(request.Body)), nil
	case "counter":
		return count(name)
	case "orders":
		return order(request)
	case "throw":
		return http.Response{}, errors.New("failed on purpose")
	}
	return http.Text(404, "hello, counter, orders or throw"), nil
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

// Deletes what is old: a line of `old-carts` for each key.
func clean(binding.Event) (*binding.Reply, error) {
	item, err := store.Get("old-carts")
	if err != nil {
		return nil, err
	}
	var keys []string
	if item != nil {
		keys = strings.Fields(string(item.Value))
	}
	if len(keys) > 0 {
		operations := []state.Operation{state.Removal("old-carts")}
		for _, key := range keys {
			operations = append(operations, state.Removal(key))
		}
		if err := store.Transact(operations...); err != nil {
			return nil, err
		}
	}
	return &binding.Reply{Data: fmt.Appendf(nil, "cleaned %d", len(keys))}, nil
}

// Notes that a job was done.
func note(event job.Event) error {
	return store.Set("done-"+event.Name, event.Data)
}
