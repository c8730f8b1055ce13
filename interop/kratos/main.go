// kratos-peer: a real Kratos service and client for the interop tests.
//
// This file: the sub-commands and what they share.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/go-kratos/kratos/v2/metadata"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// timeout bounds every call and every stop. Kratos's own defaults (a server 1 s, a client 2 s)
// are too short for a test machine that is busy compiling.
const timeout = 10 * time.Second

const usage = `usage:
  kratos-peer serve --name NAME [--grpc HOST:PORT] [--http HOST:PORT] [--otlp HOST:PORT]
                    [--next-grpc HOST:PORT] [--next-http http://HOST:PORT]
                    [--server-constant k=v]... [--client-constant k=v]...
  kratos-peer call  --name NAME --transport grpc|http --target HOST:PORT [--otlp HOST:PORT]
                    [--global k=v]... [--local k=v]... [--baggage k=v]...
                    [--append k=v]... [--merge k=v]... [--client-constant k=v]... GREETING_NAME

--otlp "" exports nothing.
`

func main() {
	var err error
	switch args := os.Args[1:]; {
	case len(args) > 0 && args[0] == "serve":
		err = serve(args[1:])
	case len(args) > 0 && args[0] == "call":
		err = call(args[1:])
	default:
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kratos-peer:", err)
		os.Exit(1)
	}
}

// startTracing installs the global tracer provider, as a Kratos service does, exporting over
// OTLP/gRPC to addr. The returned function flushes and stops it.
func startTracing(name, addr string) (stop func() error, err error) {
	if addr == "" {
		return func() error { return nil }, nil
	}
	exporter, err := otlptracegrpc.New(context.Background(),
		otlptracegrpc.WithEndpoint(addr),
		otlptracegrpc.WithInsecure(),
	)
	if err != nil {
		return nil, fmt.Errorf("--otlp %s: %w", addr, err)
	}
	tp := sdktrace.NewTracerProvider(
		sdktrace.WithSampler(sdktrace.AlwaysSample()),
		sdktrace.WithBatcher(exporter, sdktrace.WithBatchTimeout(50*time.Millisecond)),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", name))),
	)
	otel.SetTracerProvider(tp)
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		if err := tp.Shutdown(ctx); err != nil {
			return fmt.Errorf("flush to --otlp %s: %w", addr, err)
		}
		return nil
	}, nil
}

// pairs is a repeatable k=v flag.
type pairs [][2]string

func (p *pairs) String() string { return fmt.Sprint(*p) }

func (p *pairs) Set(s string) error {
	k, v, ok := strings.Cut(s, "=")
	if !ok || k == "" {
		return fmt.Errorf("%q is not k=v", s)
	}
	*p = append(*p, [2]string{k, v})
	return nil
}

// metadata adds each pair, so that a key may have several values.
func (p pairs) metadata() metadata.Metadata {
	md := metadata.New()
	for _, kv := range p {
		md.Add(kv[0], kv[1])
	}
	return md
}
