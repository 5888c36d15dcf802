package api

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"

	"github.com/podhop/podhop/engine/api/store"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/util/compatibility"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	basecompatibility "k8s.io/component-base/compatibility"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

// Addresses of every session (all sessions are alike).
const (
	serviceCIDR  = "10.96.0.0/16"
	serviceCIDR6 = "fd00:10:96::/112" // in dual-stack sessions
	kubernetesIP = "10.96.0.1"
	// kubernetesService is the API server's own Service, in the namespace default.
	kubernetesService = "kubernetes"
	clusterDomain     = "cluster.local"
	issuer            = "https://kubernetes.default.svc." + clusterDomain
)

// optionsGetter makes every registry keep its objects in tenants.
type optionsGetter struct {
	generic.RESTOptionsGetter
	resolve store.Resolver
}

func (g optionsGetter) GetRESTOptions(gr schema.GroupResource, example runtime.Object) (generic.RESTOptions, error) {
	o, err := g.RESTOptionsGetter.GetRESTOptions(gr, example)
	o.Decorator = store.Decorator(g.resolve)
	o.CountMetricPollPeriod = 0
	return o, err
}

// upstreamConfig runs kube-apiserver's own configuration, of which build then
// replaces what has to go by session.
func (s *Server) upstreamConfig(ctx context.Context) (*app.Config, error) {
	etcd, err := s.etcdStub()
	if err != nil {
		return nil, err
	}
	key, err := s.signingKeyFile()
	if err != nil {
		return nil, err
	}
	gates := utilfeature.DefaultMutableFeatureGate
	// the dual write would touch etcd
	if err := gates.Set("DisableAllocatorDualWrite=true"); err != nil {
		return nil, err
	}
	registry := basecompatibility.NewComponentGlobalsRegistry()
	if err := registry.Register(basecompatibility.DefaultKubeComponent, compatibility.DefaultBuildEffectiveVersion(), gates.DeepCopy()); err != nil {
		return nil, err
	}
	// Upstream reads the listener's address and never accepts on it.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()

	o := options.NewServerRunOptions()
	o.GenericServerRunOptions.ComponentGlobalsRegistry = registry
	o.GenericServerRunOptions.AdvertiseAddress = net.ParseIP(kubernetesIP)
	o.Etcd.StorageConfig.Transport.ServerList = []string{etcd}
	o.Etcd.StorageConfig.Prefix = "/registry"
	o.Etcd.StorageConfig.CompactionInterval = 0
	o.Etcd.StorageConfig.CountMetricPollPeriod = 0
	o.Etcd.EnableWatchCache = false
	o.Etcd.SkipHealthEndpoints = true
	o.ServiceClusterIPRanges = serviceCIDR
	o.EndpointReconcilerType = "none"
	o.Authentication.ServiceAccounts.Issuers = []string{issuer}
	o.Authentication.ServiceAccounts.KeyFiles = []string{key}
	o.ServiceAccountSigningKeyFile = key
	o.Authorization.Modes = []string{"RBAC"}
	o.Features.EnablePriorityAndFairness = false
	o.Features.EnableProfiling = false
	o.AllowPrivileged = true
	o.SecureServing.ServerCert.CertDirectory = s.config.Dir
	o.SecureServing.Listener = l
	o.SecureServing.BindAddress = net.IPv4(127, 0, 0, 1)
	o.SecureServing.BindPort = l.Addr().(*net.TCPAddr).Port
	if err := o.APIEnablement.RuntimeConfig.Set(""); err != nil {
		return nil, err
	}
	// Sessions have an admission of their own. The shared chain's would go unused, but
	// these plugins of it run from the start, and look for an API server to ask.
	o.Admission.GenericAdmission.DisablePlugins = slices.Collect(maps.Keys(configurable))
	defer func() { o.Admission.GenericAdmission.DisablePlugins = nil }()
	s.options = o
	completed, err := o.Complete(ctx)
	if err != nil {
		return nil, err
	}
	return app.NewConfig(completed)
}

// signingKeyFile writes the key that upstream's options ask for. Nothing is
// signed with it: each session has its own.
func (s *Server) signingKeyFile() (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return "", err
	}
	path := filepath.Join(s.config.Dir, "unused-service-account.key")
	return path, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}

// etcdStub starts a gRPC server that only says which etcd it is. Upstream's
// node port allocator connects to one when it is built; nothing is read from it.
func (s *Server) etcdStub() (url string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	srv := grpc.NewServer()
	etcdserverpb.RegisterMaintenanceServer(srv, maintenance{})
	go func() { _ = srv.Serve(l) }()
	s.stopEtcd = srv.Stop
	return "http://" + l.Addr().String(), nil
}

type maintenance struct {
	etcdserverpb.UnimplementedMaintenanceServer
}

func (maintenance) Status(context.Context, *etcdserverpb.StatusRequest) (*etcdserverpb.StatusResponse, error) {
	return &etcdserverpb.StatusResponse{Version: "3.7.0"}, nil
}
