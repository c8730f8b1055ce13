// kratos-peer serve: a kratos.App with both transports.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"

	"github.com/go-kratos/kratos/v2"
	"github.com/go-kratos/kratos/v2/middleware/metadata"
	"github.com/go-kratos/kratos/v2/middleware/tracing"
	"github.com/go-kratos/kratos/v2/transport/grpc"
	"github.com/go-kratos/kratos/v2/transport/http"
	"google.golang.org/grpc/examples/helloworld/helloworld"
)

func serve(args []string) (err error) {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	name := flags.String("name", "", "service name")
	grpcAddr := flags.String("grpc", "127.0.0.1:0", "address of the gRPC server, port 0 picks one")
	httpAddr := flags.String("http", "127.0.0.1:0", "address of the HTTP server, port 0 picks one")
	otlp := flags.String("otlp", "127.0.0.1:4317", "OTLP/gRPC collector")
	nextGRPC := flags.String("next-grpc", "", "call this Greeter (host:port) over gRPC before answering")
	nextHTTP := flags.String("next-http", "", "call this Greeter (http://host:port) over HTTP before answering")
	var serverConstants, constants pairs
	flags.Var(&serverConstants, "server-constant", "k=v for the server's WithConstants, repeatable")
	flags.Var(&constants, "client-constant", "k=v for the clients' WithConstants, repeatable")
	if err := flags.Parse(args); err != nil {
		return err
	}
	clientConstants = constants.metadata()
	metadataServer := metadata.Server(metadata.WithConstants(serverConstants.metadata()))
	if *name == "" {
		return errors.New("serve: --name is missing")
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("serve: unexpected argument %q", flags.Arg(0))
	}

	// Own listeners, so that a taken port is an error that names its flag, before anything runs.
	grpcLis, err := net.Listen("tcp", *grpcAddr)
	if err != nil {
		return fmt.Errorf("--grpc %s: %w", *grpcAddr, err)
	}
	httpLis, err := net.Listen("tcp", *httpAddr)
	if err != nil {
		return fmt.Errorf("--http %s: %w", *httpAddr, err)
	}

	// The middleware take the global tracer provider when they are built: tracing comes first.
	stopTracing, err := startTracing(*name, *otlp)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopTracing()) }()

	g := &greeter{name: *name}
	if *nextGRPC != "" {
		g.nextGRPC = lazily(dialGRPC, *nextGRPC)
	}
	if *nextHTTP != "" {
		g.nextHTTP = lazily(dialHTTP, *nextHTTP)
	}

	// Tracing is outermost, so that its span covers the other middleware: the order of Kratos's docs.
	grpcServer := grpc.NewServer(
		grpc.Address(*grpcAddr),
		grpc.Listener(grpcLis),
		grpc.Timeout(timeout),
		grpc.Middleware(tracing.Server(), metadataServer),
	)
	helloworld.RegisterGreeterServer(grpcServer, g)
	httpServer := http.NewServer(
		http.Address(*httpAddr),
		http.Listener(httpLis),
		http.Timeout(timeout),
		http.Middleware(tracing.Server(), metadataServer),
	)
	registerGreeterHTTP(httpServer, g)

	app := kratos.New(
		kratos.Name(*name),
		kratos.Server(grpcServer, httpServer),
		kratos.StopTimeout(timeout),
		kratos.AfterStart(func(context.Context) error {
			fmt.Printf("ready grpc=%s http=%s\n", grpcLis.Addr(), httpLis.Addr())
			return nil
		}),
	)
	return app.Run() // until SIGTERM, SIGINT or SIGQUIT
}
