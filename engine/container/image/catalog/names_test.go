package catalog

import "testing"

func TestNamesAnswers(t *testing.T) {
	nginx := Names{Repositories: []string{"docker.io/library/nginx"}, Oldest: "1.7", Newest: "1.31", Words: []string{"stable", "mainline"}}
	echo := Names{Repositories: []string{"docker.io/hashicorp/http-echo"}, Oldest: "0.1", Newest: "1.0"}
	untagged := Names{Repositories: []string{"docker.io/nicolaka/netshoot"}}
	exact := Names{Repositories: []string{"gcr.io/google-samples/hello-app"}, Words: []string{"1.0"}, Only: true}
	for _, tt := range []struct {
		names      Names
		repository string
		tag        string
		want       bool
	}{
		{nginx, "docker.io/library/nginx", "latest", true},
		{nginx, "docker.io/library/nginx", "1", true},
		{nginx, "docker.io/library/nginx", "1.25", true},
		{nginx, "docker.io/library/nginx", "1.14.2", true},
		{nginx, "docker.io/library/nginx", "1.25.3-alpine", true},
		{nginx, "docker.io/library/nginx", "1.25-alpine3.18-slim", true},
		{nginx, "docker.io/library/nginx", "alpine", true},
		{nginx, "docker.io/library/nginx", "alpine3.18", true},
		{nginx, "docker.io/library/nginx", "stable-alpine", true},
		{nginx, "docker.io/library/nginx", "mainline", true},
		{nginx, "docker.io/library/nginx", "1.15-4", true},
		{nginx, "docker.io/library/nginx", "1.161", false}, // the documentation's failing rollout
		{nginx, "docker.io/library/nginx", "1.6", false},
		{nginx, "docker.io/library/nginx", "2", false},
		{nginx, "docker.io/library/nginx", "2.0", false},
		{nginx, "docker.io/library/nginx", "1.25.99", false},
		{nginx, "docker.io/library/nginx", "does-not-exist", false},
		{nginx, "docker.io/library/nginx", "lates", false},
		{nginx, "docker.io/library/nginx", "1.25-", false},
		{nginx, "docker.io/library/nginx", "1.25-windows", false},
		{nginx, "docker.io/library/nginx", "", false},
		{nginx, "docker.io/library/nginxx", "latest", false},
		{nginx, "quay.io/library/nginx", "latest", false},
		{echo, "docker.io/hashicorp/http-echo", "0.2.3", true},
		{echo, "docker.io/hashicorp/http-echo", "v1.0", true},
		{echo, "docker.io/hashicorp/http-echo", "1.1", false},
		{exact, "gcr.io/google-samples/hello-app", "1.0", true},
		{exact, "gcr.io/google-samples/hello-app", "2.0", false},
		{exact, "gcr.io/google-samples/hello-app", "latest", false},
		{untagged, "docker.io/nicolaka/netshoot", "latest", true},
		{untagged, "docker.io/nicolaka/netshoot", "1.0", false},
	} {
		if got := tt.names.Answers(tt.repository, tt.tag); got != tt.want {
			t.Errorf("Answers(%q, %q) = %v, want %v", tt.repository, tt.tag, got, tt.want)
		}
	}
}
