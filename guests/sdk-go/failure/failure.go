// Package failure is why a building block failed.
package failure

import (
	"fmt"

	"github.com/pillion-dev/pillion/guests/sdk-go/dapr/pillion_dapr_types"
	types "github.com/pillion-dev/pillion/guests/sdk-go/wit/types"
)

// Error has Dapr's code and status, and says whether the same call may succeed later.
type Error pillion_dapr_types.Error

func (e *Error) Error() string {
	if e.Hint.IsSome() {
		return fmt.Sprintf("%s: %s (hint: %s)", e.Code, e.Message, e.Hint.Some())
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

// Of is a call's answer as Go has it.
func Of[T any](result types.Result[T, pillion_dapr_types.Error]) (value T, err error) {
	if result.IsErr() {
		failed := Error(result.Err())
		return value, &failed
	}
	return result.Ok(), nil
}
