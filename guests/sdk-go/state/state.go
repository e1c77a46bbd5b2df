// Package state reads and writes keys and values: Dapr's state API.
package state

import (
	host "github.com/pillion-dev/pillion/guests/sdk-go/dapr/pillion_dapr_state"
	"github.com/pillion-dev/pillion/guests/sdk-go/failure"
	types "github.com/pillion-dev/pillion/guests/sdk-go/wit/types"
)

// Item is a key's value with its ETag.
type Item = host.Item

// Operation is a step of a transaction, made by Upsert or Removal.
type Operation = host.Operation

// Store is a state store, by its component's name.
type Store string

// Get reads a key; nil where there is none.
func (store Store) Get(key string) (*Item, error) {
	found, err := failure.Of(host.Get(string(store), key, host.ReadOptions{}))
	if err != nil || !found.IsSome() {
		return nil, err
	}
	item := found.Some()
	return &item, nil
}

// Set writes a key.
func (store Store) Set(key string, value []byte) error {
	return store.write(host.Entry{Key: key, Value: value, Ttl: types.None[uint32](), Options: lastWrite()})
}

// SetUnchanged writes a key unless another writer came first since the item was read: then the error's status is 409. A nil
// item is that of a key that was not there.
func (store Store) SetUnchanged(key string, value []byte, item *Item) error {
	options := host.WriteOptions{Etag: types.None[string](), Concurrency: host.ConcurrencyFirstWrite}
	if item != nil {
		options.Etag = types.Some(item.Etag)
	}
	return store.write(host.Entry{Key: key, Value: value, Ttl: types.None[uint32](), Options: options})
}

// Delete deletes a key; one that doesn't exist is a success.
func (store Store) Delete(key string) error {
	_, err := failure.Of(host.Delete(string(store), key, lastWrite()))
	return err
}

// Transact does all of these or none, in their order.
func (store Store) Transact(operations ...Operation) error {
	_, err := failure.Of(host.Transact(string(store), operations, nil))
	return err
}

// Upsert is a write as a step of a transaction.
func Upsert(key string, value []byte) Operation {
	return host.MakeOperationUpsert(host.Entry{Key: key, Value: value, Ttl: types.None[uint32](), Options: lastWrite()})
}

// Removal is a delete as a step of a transaction.
func Removal(key string) Operation {
	return host.MakeOperationDelete(host.Removal{Key: key, Options: lastWrite()})
}

func (store Store) write(entry host.Entry) error {
	_, err := failure.Of(host.Set(string(store), []host.Entry{entry}))
	return err
}

func lastWrite() host.WriteOptions {
	return host.WriteOptions{Etag: types.None[string](), Concurrency: host.ConcurrencyLastWrite}
}
