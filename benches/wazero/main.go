// An anchor of `cargo xtask bench http`: a module instantiated for every request on wazero, with the settings of Dapr's
// binding `bindings.wasm`, behind Go's own HTTP server.
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: wazero GUEST")
	}
	if err := serve(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func serve(guest string) error {
	ctx := context.Background()
	binary, err := os.ReadFile(guest)
	if err != nil {
		return err
	}
	// As the binding: a context that is cancelled ends the guest.
	runtime := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCloseOnContextDone(true))
	defer runtime.Close(ctx)
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, runtime); err != nil {
		return err
	}
	module, err := runtime.CompileModule(ctx, binary)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var out bytes.Buffer
		// No name, so that many may run at a time.
		config := wazero.NewModuleConfig().WithName("").WithStdin(r.Body).WithStdout(&out)
		instance, err := runtime.InstantiateModule(r.Context(), module, config)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		instance.Close(r.Context())
		w.Write(out.Bytes())
	}))
}
