// kratos-peer call: one call from a Kratos client, its outcome as one line of JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/go-kratos/kratos/v2"
	"github.com/go-kratos/kratos/v2/metadata"
	"github.com/go-kratos/kratos/v2/middleware"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/examples/helloworld/helloworld"
)

// outcome is the line that call prints. A failed call has an error and no message; the command
// still succeeds, since the call itself was made.
type outcome struct {
	Message string `json:"message"`
	Error   string `json:"error"`
	TraceID string `json:"trace_id"`
}

func call(args []string) (err error) {
	flags := flag.NewFlagSet("call", flag.ContinueOnError)
	name := flags.String("name", "", "service name of the caller")
	transport := flags.String("transport", "grpc", "grpc or http")
	target := flags.String("target", "", "host:port of the Greeter")
	otlp := flags.String("otlp", "127.0.0.1:4317", "OTLP/gRPC collector")
	var globals, locals, members, appended, merged, constants pairs
	flags.Var(&globals, "global", "k=v to send as x-md-global-k, repeatable")
	flags.Var(&locals, "local", "k=v to send as x-md-local-k, repeatable")
	flags.Var(&members, "baggage", "k=v to send as baggage, repeatable")
	flags.Var(&appended, "append", "k=v for AppendToClientContext, repeatable")
	flags.Var(&merged, "merge", "k=v for one MergeToClientContext, repeatable")
	flags.Var(&constants, "client-constant", "k=v for WithConstants, repeatable")
	if err := flags.Parse(args); err != nil {
		return err
	}
	clientConstants = constants.metadata()
	switch {
	case *name == "":
		return errors.New("call: --name is missing")
	case *target == "":
		return errors.New("call: --target is missing")
	case flags.NArg() != 1:
		return errors.New("call: exactly one GREETING_NAME, after the flags")
	}

	// x-md-service-name is sent only where the context holds a Kratos app.
	ctx := kratos.NewContext(context.Background(), kratos.New(kratos.Name(*name)))
	for _, kv := range globals {
		ctx = metadata.AppendToClientContext(ctx, "x-md-global-"+kv[0], kv[1])
	}
	for _, kv := range locals {
		ctx = metadata.AppendToClientContext(ctx, "x-md-local-"+kv[0], kv[1])
	}
	for _, kv := range appended {
		ctx = metadata.AppendToClientContext(ctx, kv[0], kv[1])
	}
	if len(merged) > 0 {
		ctx = metadata.MergeToClientContext(ctx, merged.metadata())
	}
	if ctx, err = withBaggage(ctx, members); err != nil {
		return fmt.Errorf("--baggage: %w", err)
	}
	ctx, cancel := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer cancel()

	stopTracing, err := startTracing(*name, *otlp)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopTracing()) }()

	var out outcome
	rememberTrace := func(next middleware.Handler) middleware.Handler {
		return func(ctx context.Context, req any) (any, error) {
			out.TraceID = trace.SpanContextFromContext(ctx).TraceID().String()
			return next(ctx, req)
		}
	}
	var hello sayHello
	switch *transport {
	case "grpc":
		hello, err = dialGRPC(*target, rememberTrace)
	case "http":
		hello, err = dialHTTP("http://"+strings.TrimPrefix(*target, "http://"), rememberTrace)
	default:
		err = fmt.Errorf("%q is neither grpc nor http", *transport)
	}
	if err != nil {
		return fmt.Errorf("--transport %s --target %s: %w", *transport, *target, err)
	}

	reply, callErr := hello(ctx, &helloworld.HelloRequest{Name: flags.Arg(0)})
	out.Message = reply.GetMessage()
	if callErr != nil {
		out.Error = callErr.Error()
	}
	line := json.NewEncoder(os.Stdout)
	line.SetEscapeHTML(false) // ">" stays readable
	return line.Encode(out)
}

func withBaggage(ctx context.Context, members pairs) (context.Context, error) {
	var b baggage.Baggage
	for _, kv := range members {
		member, err := baggage.NewMemberRaw(kv[0], kv[1])
		if err != nil {
			return ctx, err
		}
		if b, err = b.SetMember(member); err != nil {
			return ctx, err
		}
	}
	return baggage.ContextWithBaggage(ctx, b), nil
}
