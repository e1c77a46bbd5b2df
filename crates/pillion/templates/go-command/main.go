// A request's body comes on stdin, the answer goes to stdout. An exit code other than 0 is an answer of 500, and 65 one
// of 422.
package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	body, err := io.ReadAll(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	name := strings.TrimSpace(string(body))
	if name == "" {
		name = "world"
	}
	fmt.Printf("hello %s\n", name)
}
