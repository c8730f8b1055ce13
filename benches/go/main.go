// go-peer: a Greeter in Go, on Kratos or on plain grpc-go, with and without tracing.
//
//	go-peer --framework kratos|grpc [--traced] --otlp HOST:PORT
//
// Prints its address, serves until standard input ends, then flushes and goes.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc/examples/helloworld/helloworld"
)

const timeout = 30 * time.Second

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "go-peer:", err)
		os.Exit(1)
	}
}

func run() error {
	framework := flag.String("framework", "", "kratos or grpc")
	traced := flag.Bool("traced", false, "with the framework's tracing")
	otlp := flag.String("otlp", "", "OTLP/gRPC collector, host:port")
	flag.Parse()

	stopTracing := func() error { return nil }
	if *traced {
		stop, err := startTracing(*otlp)
		if err != nil {
			return err
		}
		stopTracing = stop
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var stopServer func()
	switch *framework {
	case "kratos":
		stopServer, err = serveKratos(listener, *traced)
	case "grpc":
		stopServer, err = serveGRPC(listener, *traced)
	default:
		err = fmt.Errorf("--framework %q is neither kratos nor grpc", *framework)
	}
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	stopServer()
	return stopTracing()
}

// startTracing installs the global tracer provider with the SDK's own batch processor, all defaults
// but what the environment says. The returned function flushes and stops it.
func startTracing(addr string) (func() error, error) {
	exporter, err := otlptracegrpc.New(context.Background(),
		otlptracegrpc.WithEndpoint(addr),
		otlptracegrpc.WithInsecure(),
	)
	if err != nil {
		return nil, err
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "greeter"))),
	)
	otel.SetTracerProvider(provider)
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(
		propagation.TraceContext{}, propagation.Baggage{}))
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		return provider.Shutdown(ctx)
	}, nil
}

type greeter struct {
	helloworld.UnimplementedGreeterServer
}

func (greeter) SayHello(_ context.Context, in *helloworld.HelloRequest) (*helloworld.HelloReply, error) {
	return &helloworld.HelloReply{Message: "Hello, " + in.GetName()}, nil
}
