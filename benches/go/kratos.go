package main

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/go-kratos/kratos/v2/log"
	"github.com/go-kratos/kratos/v2/middleware/tracing"
	"github.com/go-kratos/kratos/v2/transport/grpc"
	"google.golang.org/grpc/examples/helloworld/helloworld"
)

func serveKratos(listener net.Listener, traced bool) (stop func(), err error) {
	// Only what goes wrong: its greeting would be our first line otherwise.
	log.SetLogger(log.NewFilter(log.NewStdLogger(os.Stderr), log.FilterLevel(log.LevelError)))
	options := []grpc.ServerOption{grpc.Listener(listener)}
	if traced {
		options = append(options, grpc.Middleware(tracing.Server()))
	}
	server := grpc.NewServer(options...)
	helloworld.RegisterGreeterServer(server, greeter{})
	go func() {
		if err := server.Start(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "go-peer: kratos:", err)
			os.Exit(1)
		}
	}()
	return func() { _ = server.Stop(context.Background()) }, nil
}
