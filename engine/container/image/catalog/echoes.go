package catalog

import v1 "github.com/google/go-containerregistry/pkg/v1"

// echoes are small servers of tutorials, of our own making.
func echoes() []Recipe {
	serves := func(port string, args ...string) v1.Config {
		return v1.Config{Env: []string{path0}, Entrypoint: args, ExposedPorts: map[string]struct{}{port + "/tcp": {}}}
	}
	return []Recipe{
		{
			Name: "echoserver", Programs: map[string]string{"programs/echo": "/echo"}, Config: serves("8080", "/echo"),
			Names: append(testImages("echoserver", "2.0", "2.9"),
				Names{Repositories: []string{"registry.k8s.io/echoserver", "k8s.gcr.io/echoserver", "gcr.io/google_containers/echoserver"}, Oldest: "1.0", Newest: "1.10"}),
		},
		{
			Name: "echo-server", Programs: map[string]string{"programs/echo": "/echo"}, Config: serves("8080", "/echo", "-style=jmalloc"),
			Names: []Names{{Repositories: []string{"docker.io/kicbase/echo-server"}, Oldest: "1.0", Newest: "1.0"}, {Repositories: []string{"docker.io/jmalloc/echo-server"}, Oldest: "0.1", Newest: "0.3"}},
		},
		{
			Name: "hpa-example", Programs: map[string]string{"programs/hpa-example": "/hpa-example"}, Config: serves("80", "/hpa-example"),
			Names:   []Names{{Repositories: []string{"registry.k8s.io/hpa-example", "k8s.gcr.io/hpa-example", "gcr.io/google_containers/hpa-example"}}},
			Version: "a stand-in for its PHP page",
		},
	}
}
