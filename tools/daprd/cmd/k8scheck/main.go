// k8scheck reads documents of YAML on standard input and holds each to the Go types that Kubernetes and Dapr read it with:
// an unknown field, or a value of another type, is an error.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	components "github.com/dapr/dapr/pkg/apis/components/v1alpha1"
	configuration "github.com/dapr/dapr/pkg/apis/configuration/v1alpha1"
	endpoints "github.com/dapr/dapr/pkg/apis/httpEndpoint/v1alpha1"
	resiliency "github.com/dapr/dapr/pkg/apis/resiliency/v1alpha1"
	subscriptions1 "github.com/dapr/dapr/pkg/apis/subscriptions/v1alpha1"
	subscriptions2 "github.com/dapr/dapr/pkg/apis/subscriptions/v2alpha1"
	apps "k8s.io/api/apps/v1"
	documents "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

var kinds = map[string]func() any{
	"apps/v1 Deployment":             func() any { return new(apps.Deployment) },
	"dapr.io/v1alpha1 Component":     func() any { return new(components.Component) },
	"dapr.io/v1alpha1 Configuration": func() any { return new(configuration.Configuration) },
	"dapr.io/v1alpha1 HTTPEndpoint":  func() any { return new(endpoints.HTTPEndpoint) },
	"dapr.io/v1alpha1 Resiliency":    func() any { return new(resiliency.Resiliency) },
	"dapr.io/v1alpha1 Subscription":  func() any { return new(subscriptions1.Subscription) },
	"dapr.io/v2alpha1 Subscription":  func() any { return new(subscriptions2.Subscription) },
}

func main() {
	reader := documents.NewYAMLReader(bufio.NewReader(os.Stdin))
	for number := 1; ; number++ {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil {
			err = check(document)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "document %d: %v\n", number, err)
			os.Exit(1)
		}
	}
}

func check(document []byte) error {
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := yaml.Unmarshal(document, &head); err != nil {
		return err
	}
	make, known := kinds[head.APIVersion+" "+head.Kind]
	if !known {
		return fmt.Errorf("%q %q is of no kind that is known here", head.APIVersion, head.Kind)
	}
	if err := yaml.UnmarshalStrict(document, make()); err != nil {
		return err
	}
	fmt.Println(head.APIVersion, head.Kind)
	return nil
}
