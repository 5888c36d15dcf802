package catalog

import v1 "github.com/google/go-containerregistry/pkg/v1"

// testImages names an image of Kubernetes' own tests.
func testImages(name, oldest, newest string) []Names {
	return []Names{{Repositories: []string{"registry.k8s.io/e2e-test-images/" + name, "k8s.gcr.io/e2e-test-images/" + name}, Oldest: oldest, Newest: newest}}
}

// suite are the images of Kubernetes' end-to-end tests, beside agnhost: see
// k8s.io/kubernetes/test/utils/image/manifest.go, and test/images for what is in them.
func suite() []Recipe {
	const images = "k8s.io/kubernetes/test/images/"
	return []Recipe{
		{
			Name: "nonroot", Base: "busybox",
			Config: v1.Config{Env: []string{path0}, Cmd: []string{"sh"}, User: "1234"},
			Names:  testImages("nonroot", "1.0", "1.9"),
		},
		{
			Name: "regression-issue-74839", Programs: map[string]string{images + "regression-issue-74839": "/regression-issue-74839"},
			Config:  v1.Config{Env: []string{path0}, Entrypoint: []string{"/regression-issue-74839"}},
			Names:   testImages("regression-issue-74839", "1.0", "1.9"),
			Version: "as built from Kubernetes",
		},
	}
}
