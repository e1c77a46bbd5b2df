// A command, in Go: says which digit the picture on stdin shows, by wasi_ephemeral_nn and the model `digits` of the app.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"unsafe"
)

const (
	head   = "P5\n8 8\n255\n"
	pixels = 64
	digits = 10
	// The type of a byte, in the list of the interface's later drafts.
	typeOfByte = 3
	// The caller's fault, not the program's.
	exitOfData = 65
)

//go:wasmimport wasi_ephemeral_nn load_by_name
func loadByName(name unsafe.Pointer, length uint32, graph unsafe.Pointer) uint32

//go:wasmimport wasi_ephemeral_nn init_execution_context
func initExecutionContext(graph uint32, context unsafe.Pointer) uint32

//go:wasmimport wasi_ephemeral_nn set_input
func setInput(context, index uint32, tensor unsafe.Pointer) uint32

//go:wasmimport wasi_ephemeral_nn compute
func compute(context uint32) uint32

//go:wasmimport wasi_ephemeral_nn get_output
func getOutput(context, index uint32, buffer unsafe.Pointer, room uint32, written unsafe.Pointer) uint32

// A tensor as the interface has it: addresses are of 32 bits, which Go's own pointers are not.
type tensor struct {
	dimensions, rank uint32
	kind             uint32
	data, length     uint32
}

// What the host reads and writes stays where it is: a goroutine's stack may move.
var (
	model      = []byte("digits")
	dimensions = [4]uint32{1, 8, 8, 1}
	picture    [pixels]byte
	scores     [digits]byte
	input      tensor
	handle     uint32
	written    uint32
)

func main() {
	sent, err := io.ReadAll(io.LimitReader(os.Stdin, 1<<20))
	if err != nil || len(sent) != len(head)+pixels || !bytes.HasPrefix(sent, []byte(head)) {
		fmt.Fprintln(os.Stderr, "a picture is PGM, 8 by 8 pixels")
		os.Exit(exitOfData)
	}
	copy(picture[:], sent[len(head):])
	check("load_by_name", loadByName(unsafe.Pointer(&model[0]), uint32(len(model)), unsafe.Pointer(&handle)))
	check("init_execution_context", initExecutionContext(handle, unsafe.Pointer(&handle)))
	input = tensor{
		dimensions: address(unsafe.Pointer(&dimensions[0])), rank: uint32(len(dimensions)), kind: typeOfByte,
		data: address(unsafe.Pointer(&picture[0])), length: pixels,
	}
	check("set_input", setInput(handle, 0, unsafe.Pointer(&input)))
	check("compute", compute(handle))
	check("get_output", getOutput(handle, 0, unsafe.Pointer(&scores[0]), digits, unsafe.Pointer(&written)))
	best := 0
	for digit, score := range scores {
		if score > scores[best] {
			best = digit
		}
	}
	fmt.Print(best)
}

func address(pointer unsafe.Pointer) uint32 {
	return uint32(uintptr(pointer))
}

func check(what string, errno uint32) {
	if errno != 0 {
		fmt.Fprintf(os.Stderr, "%s: error %d\n", what, errno)
		os.Exit(1)
	}
}
