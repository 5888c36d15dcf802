// A module of its own: the main module cannot load before this program has
// written the folder that its go.mod replaces k8s.io/kubernetes with.
module github.com/podhop/podhop/internal/upstream

go 1.26.0
