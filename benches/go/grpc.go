package main

import (
	"fmt"
	"net"
	"os"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/examples/helloworld/helloworld"
)

func serveGRPC(listener net.Listener, traced bool) (stop func(), err error) {
	var options []grpc.ServerOption
	if traced {
		options = append(options, grpc.StatsHandler(otelgrpc.NewServerHandler()))
	}
	server := grpc.NewServer(options...)
	helloworld.RegisterGreeterServer(server, greeter{})
	go func() {
		if err := server.Serve(listener); err != nil {
			fmt.Fprintln(os.Stderr, "go-peer: grpc:", err)
			os.Exit(1)
		}
	}()
	return server.GracefulStop, nil
}
