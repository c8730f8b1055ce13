// The Greeter over HTTP, GET /helloworld/{name}: by hand what protoc-gen-go-http makes from
//
//	option (google.api.http) = { get: "/helloworld/{name}" };
//
// with the same calls in the same order, since spans depend on them: SetOperation names the
// server span and makes ctx.Middleware find its chain, Operation and PathTemplate name the client's.
package main

import (
	"context"

	"github.com/go-kratos/kratos/v2/transport/http"
	"github.com/go-kratos/kratos/v2/transport/http/binding"
	"google.golang.org/grpc/examples/helloworld/helloworld"
)

const (
	sayHelloOperation = "/helloworld.Greeter/SayHello"
	sayHelloPath      = "/helloworld/{name}"
)

func registerGreeterHTTP(s *http.Server, srv helloworld.GreeterServer) {
	s.Route("/").GET(sayHelloPath, func(ctx http.Context) error {
		var in helloworld.HelloRequest
		if err := ctx.BindQuery(&in); err != nil {
			return err
		}
		if err := ctx.BindVars(&in); err != nil {
			return err
		}
		http.SetOperation(ctx, sayHelloOperation)
		handle := ctx.Middleware(func(ctx context.Context, req any) (any, error) {
			return srv.SayHello(ctx, req.(*helloworld.HelloRequest))
		})
		out, err := handle(ctx, &in)
		if err != nil {
			return err
		}
		return ctx.Result(200, out.(*helloworld.HelloReply))
	})
}

func greeterHTTPClient(client *http.Client) sayHello {
	return func(ctx context.Context, in *helloworld.HelloRequest) (*helloworld.HelloReply, error) {
		var out helloworld.HelloReply
		err := client.Invoke(ctx, "GET", binding.EncodeURL(sayHelloPath, in, true), nil, &out,
			http.Operation(sayHelloOperation),
			http.PathTemplate(sayHelloPath),
		)
		if err != nil {
			return nil, err
		}
		return &out, nil
	}
}
