// The Greeter: what it answers, and its clients for the next hop.
package main

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"sync"

	"github.com/go-kratos/kratos/v2/errors"
	"github.com/go-kratos/kratos/v2/metadata"
	"github.com/go-kratos/kratos/v2/middleware"
	mdmw "github.com/go-kratos/kratos/v2/middleware/metadata"
	"github.com/go-kratos/kratos/v2/middleware/tracing"
	"github.com/go-kratos/kratos/v2/transport"
	"github.com/go-kratos/kratos/v2/transport/grpc"
	"github.com/go-kratos/kratos/v2/transport/http"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/examples/helloworld/helloworld"
	"google.golang.org/grpc/status"
)

// sayHello is one call to a Greeter, whatever the transport.
type sayHello func(context.Context, *helloworld.HelloRequest) (*helloworld.HelloReply, error)

type greeter struct {
	helloworld.UnimplementedGreeterServer
	name               string
	nextGRPC, nextHTTP sayHello // nil: no next hop over this transport
}

// SayHello answers "Hello x from NAME", with the metadata seen here in brackets, then the next
// hop's reply after " > ". Its errors: "boom" is a plain gRPC status, "missing" a Kratos error.
func (g *greeter) SayHello(ctx context.Context, in *helloworld.HelloRequest) (*helloworld.HelloReply, error) {
	message := fmt.Sprintf("Hello %s from %s%s", in.GetName(), g.name, seenMetadata(ctx))
	if next := g.next(ctx); next != nil {
		reply, err := next(ctx, &helloworld.HelloRequest{Name: in.GetName()})
		if err != nil {
			return nil, err
		}
		message += " > " + reply.GetMessage()
	}
	switch in.GetName() {
	case "boom":
		return nil, status.Error(codes.Internal, "boom")
	case "missing":
		return nil, errors.NotFound("USER_NOT_FOUND", "no such user")
	}
	return &helloworld.HelloReply{Message: message}, nil
}

// next is the next hop: over the transport that the call came in on if both are set.
func (g *greeter) next(ctx context.Context) sayHello {
	if g.nextGRPC == nil || g.nextHTTP == nil {
		if g.nextGRPC != nil {
			return g.nextGRPC
		}
		return g.nextHTTP
	}
	if tr, ok := transport.FromServerContext(ctx); ok && tr.Kind() == transport.KindHTTP {
		return g.nextHTTP
	}
	return g.nextGRPC
}

// seenMetadata prints the server metadata: " [x-md-global-tenant=acme x-md-local-note=hi]",
// sorted by key, or nothing.
func seenMetadata(ctx context.Context) string {
	md, _ := metadata.FromServerContext(ctx)
	var seen []string
	for k, v := range md {
		if strings.HasPrefix(k, "x-md-global-") || strings.HasPrefix(k, "x-md-local-") {
			seen = append(seen, k+"="+strings.Join(v, ","))
		}
	}
	if len(seen) == 0 {
		return ""
	}
	sort.Strings(seen)
	return " [" + strings.Join(seen, " ") + "]"
}

// clientConstants are the constants of every Kratos client here; set before the first dial.
var clientConstants metadata.Metadata

// clientMiddleware is the chain of every Kratos client here; extra middleware run innermost,
// inside the client span.
func clientMiddleware(extra []middleware.Middleware) []middleware.Middleware {
	return append([]middleware.Middleware{tracing.Client(), mdmw.Client(mdmw.WithConstants(clientConstants))}, extra...)
}

// dialGRPC connects at once, as Kratos's Dial does: a target that isn't there yet then fails
// each call for about a second (grpc-go's back-off).
func dialGRPC(target string, extra ...middleware.Middleware) (sayHello, error) {
	conn, err := grpc.DialInsecure(context.Background(),
		grpc.WithEndpoint(target),
		grpc.WithTimeout(timeout),
		grpc.WithMiddleware(clientMiddleware(extra)...),
	)
	if err != nil {
		return nil, err
	}
	client := helloworld.NewGreeterClient(conn)
	return func(ctx context.Context, in *helloworld.HelloRequest) (*helloworld.HelloReply, error) {
		return client.SayHello(ctx, in)
	}, nil
}

// lazily dials at the first call, so that peers may start in any order.
func lazily(dial func(string, ...middleware.Middleware) (sayHello, error), target string) sayHello {
	dialed := sync.OnceValues(func() (sayHello, error) { return dial(target) })
	return func(ctx context.Context, in *helloworld.HelloRequest) (*helloworld.HelloReply, error) {
		hello, err := dialed()
		if err != nil {
			return nil, err
		}
		return hello(ctx, in)
	}
}

func dialHTTP(target string, extra ...middleware.Middleware) (sayHello, error) {
	client, err := http.NewClient(context.Background(),
		http.WithEndpoint(target),
		http.WithTimeout(timeout),
		http.WithMiddleware(clientMiddleware(extra)...),
	)
	if err != nil {
		return nil, err
	}
	return greeterHTTPClient(client), nil
}
